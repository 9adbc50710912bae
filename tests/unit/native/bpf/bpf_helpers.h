/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of libbpf's header: the data path as an ordinary program. The helpers that it
 * calls are functions of this test kernel (see kernel.h).
 */
#ifndef NATIVE_BPF_HELPERS_H
#define NATIVE_BPF_HELPERS_H

#include "vmlinux.h"

#define SEC(name)
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
/* A program includes more of the data path than it tests. */
#define __noinline __attribute__((noinline, unused))

void *bpf_map_lookup_elem(const void *map, const void *key);
long bpf_map_update_elem(const void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(const void *map, const void *key);

__u64 bpf_ktime_get_boot_ns(void);
__u64 bpf_jiffies64(void);
__u32 bpf_get_prandom_u32(void);

long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 length);
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length,
			 __u64 flags);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 length);
long bpf_skb_change_head(struct __sk_buff *skb, __u32 length, __u64 flags);
long bpf_skb_vlan_pop(struct __sk_buff *skb);
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags);

long bpf_fib_lookup(void *skb, struct bpf_fib_lookup *fib, int size, __u32 flags);
struct bpf_sock *bpf_skc_lookup_tcp(void *skb, struct bpf_sock_tuple *tuple, __u32 size,
				    __u64 netns, __u64 flags);
struct bpf_sock *bpf_sk_lookup_udp(void *skb, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns,
				   __u64 flags);
long bpf_sk_release(void *sock);

long bpf_redirect(__u32 ifindex, __u64 flags);
long bpf_redirect_peer(__u32 ifindex, __u64 flags);
long bpf_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *neighbour, int size, __u64 flags);

#endif
