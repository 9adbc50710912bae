// SPDX-License-Identifier: GPL-2.0-only
/* Another tool's program on a hook that scoutbpf uses: it counts packets and lets them be. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("tc")
int foreign(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);

	(void)skb;
	if (count)
		__sync_fetch_and_add(count, 1);
	return -1; /* TC_ACT_UNSPEC: the next one decides */
}
