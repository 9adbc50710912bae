// SPDX-License-Identifier: GPL-2.0-only
/* One packet, and the helpers that read and change it. */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf_helpers.h>

#include "kernel.h"

#define LINEAR_MAX 8192
#define LOW_ADDRESS 0x40000000 /* a packet's address has 32 bits to a program */
#define CSUM_MANGLED_0 0xffff

static struct __sk_buff skb_now;
static unsigned char *linear_end; /* where the unmapped page begins */
static unsigned char paged[65536]; /* the bytes that are not linear */

static void map_memory(void)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned char *start;

	if (linear_end)
		return;
	start = mmap((void *)LOW_ADDRESS, LINEAR_MAX + page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(start != MAP_FAILED && (uintptr_t)start + LINEAR_MAX < UINT32_MAX);
	linear_end = start + LINEAR_MAX;
	assert(!mprotect(linear_end, page, PROT_NONE));
}

static __u32 linear_length(const struct __sk_buff *skb)
{
	return skb->data_end - skb->data;
}

static unsigned char *linear(const struct __sk_buff *skb)
{
	return (void *)(uintptr_t)skb->data;
}

static void lay_out(struct __sk_buff *skb, const unsigned char *bytes, __u32 length, __u32 in_place)
{
	assert(in_place <= length && in_place <= LINEAR_MAX);
	assert(length - in_place <= sizeof(paged));
	skb->len = length;
	skb->data = (uintptr_t)linear_end - in_place;
	skb->data_end = (uintptr_t)linear_end;
	memcpy(linear(skb), bytes, in_place);
	memcpy(paged, bytes + in_place, length - in_place);
}

struct __sk_buff *skb_make(const void *bytes, __u32 length, __u32 in_place)
{
	map_memory();
	skb_now = (struct __sk_buff){.gso_segs = 1};
	lay_out(&skb_now, bytes, length, in_place);
	return &skb_now;
}

void skb_free(void)
{
	skb_now = (struct __sk_buff){};
}

void skb_copy(const struct __sk_buff *skb, void *to)
{
	assert(!bpf_skb_load_bytes(skb, 0, to, skb->len));
}

long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 length)
{
	__u32 in_place = linear_length(skb);
	__u32 i;

	if (offset > skb->len || length > skb->len - offset)
		return -EFAULT;
	for (i = 0; i < length; i++)
		((unsigned char *)to)[i] = offset + i < in_place ? linear(skb)[offset + i]
								 : paged[offset + i - in_place];
	return 0;
}

/* The kernel pulls what it writes, and may pull more than it was asked for. */
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 length)
{
	static unsigned char bytes[sizeof(paged) + LINEAR_MAX];

	if (length > skb->len)
		return -ENOMEM;
	if (length <= linear_length(skb))
		return 0;
	skb_copy(skb, bytes);
	lay_out(skb, bytes, skb->len, length);
	return 0;
}

long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length,
			 __u64 flags)
{
	assert(!flags);
	if (offset > 0xffff || bpf_skb_pull_data(skb, offset + length))
		return -EFAULT;
	memcpy(linear(skb) + offset, from, length);
	return 0;
}

long bpf_skb_change_head(struct __sk_buff *skb, __u32 length, __u64 flags)
{
	static unsigned char bytes[sizeof(paged) + LINEAR_MAX];

	assert(!flags);
	memset(bytes, 0, length);
	skb_copy(skb, bytes + length);
	lay_out(skb, bytes, skb->len + length, linear_length(skb) + length);
	return 0;
}

/* What the second tag was is beside the packet then. */
long bpf_skb_vlan_pop(struct __sk_buff *skb)
{
	if (kernel.pop_fails)
		return -ENOMEM;
	if (skb->vlan_present)
		kernel.tags--;
	skb->vlan_present = kernel.tags > 0;
	skb->vlan_tci = kernel.tags ? kernel.second_tag : 0;
	return 0;
}

static __u32 fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* SUM in one's complement with FROM, of as many words as it has, taken out and TO put in. */
static __u16 sum_exchange(__u16 sum, __u32 from, __u32 to)
{
	__u32 minus = fold(from) ^ 0xffff;

	return fold(sum + minus + fold(to));
}

/* As bpf-helpers(7) says, and what inet_proto_csum_replace4() does for each kind of packet. */
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags)
{
	bool pseudo = flags & BPF_F_PSEUDO_HDR, zero_is_none = flags & BPF_F_MARK_MANGLED_0;
	__u32 size = flags & BPF_F_HDR_FIELD_MASK;
	__u16 *sum;

	if (flags & ~(__u64)(BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | BPF_F_HDR_FIELD_MASK))
		return -EINVAL;
	if (size != 2 && size != 4)
		return -EINVAL;
	if (offset > 0xffff || offset & 1 || bpf_skb_pull_data(skb, offset + sizeof(*sum)))
		return -EFAULT;
	assert(from <= (size == 2 ? 0xffff : 0xffffffff) &&
	       to <= (size == 2 ? 0xffff : 0xffffffff));

	sum = (void *)(linear(skb) + offset);
	if (zero_is_none && !*sum)
		return 0;
	if (kernel.summed != SUMMED_PARTIAL)
		*sum = ~sum_exchange(~*sum, from, to);
	else if (pseudo)
		*sum = sum_exchange(*sum, from, to);
	if (kernel.summed == SUMMED_COMPLETE && pseudo)
		kernel.sum = sum_exchange(kernel.sum, to, from);
	if (zero_is_none && !*sum)
		*sum = CSUM_MANGLED_0;
	return 0;
}
