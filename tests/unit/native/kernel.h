/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel around the data path, as the test wants it to be. */
#ifndef NATIVE_KERNEL_H
#define NATIVE_KERNEL_H

#include "vmlinux.h"

/* What the card or the sender has done about a packet's transport checksum (skbuff.h). */
enum summed {
	SUMMED_NONE, /* it is in the packet */
	SUMMED_PARTIAL, /* only the pseudo header's is in the packet */
	SUMMED_COMPLETE, /* it is in the packet, and the sum of all bytes beside it */
};

struct kernel {
	__u64 jiffies;
	__u64 boot_ns;
	__u32 boot_clock_reads;
	/* The next random numbers; after them the generator goes on. */
	const __u32 *random;
	__u32 random_count;
	__u32 random_state;
	enum summed summed;
	__u32 sum; /* SUMMED_COMPLETE, of the bytes behind the link header */
	__u8 tags; /* VLAN tags, the one beside the packet included */
	__u16 second_tag; /* its TCI */
	bool pop_fails; /* taking a tag off */
};

extern struct kernel kernel;

/* The clocks at a time that is neither zero nor round, the random numbers from their start, no map
 * and no packet. */
void kernel_reset(void);

/* A map is known by its address, as its file descriptor is to libbpf. */
void map_register(const void *map, enum bpf_map_type type, __u32 key_size, __u32 value_size,
		  __u32 capacity);
#define MAP_REGISTER(map)                                                           \
	map_register(&(map), sizeof(*(map).type) / sizeof(int), sizeof(*(map).key), \
		     sizeof(*(map).value), sizeof(*(map).max_entries) / sizeof(int))

/* All updates of MAP but the next COUNT fail with -ENOMEM. */
void map_refuse_after(const void *map, int count);
__u32 map_entries(const void *map);
void maps_free(void);

/*
 * The packet of LENGTH bytes, of which the first LINEAR can be read in place. The byte behind them
 * is not mapped: who reads too far is killed. There is one packet at a time.
 */
struct __sk_buff *skb_make(const void *bytes, __u32 length, __u32 linear);
void skb_copy(const struct __sk_buff *skb, void *to);
void skb_free(void);

#endif
