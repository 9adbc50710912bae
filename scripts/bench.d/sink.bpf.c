// SPDX-License-Identifier: GPL-2.0-only
/* Where every measured packet ends: counted, then gone before a stack or a socket costs time. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

SEC("tc")
int sink(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&arrived, &zero);

	if (count)
		*count += 1;
	return TC_ACT_SHOT;
}
