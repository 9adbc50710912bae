// SPDX-License-Identifier: GPL-2.0-only
/* The limit: a packet goes into the container and nothing else happens to it. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* The host's end of the container's veth. */
const volatile __u32 target;

SEC("tc")
int redirect(struct __sk_buff *skb __attribute__((unused)))
{
	return bpf_redirect_peer(target, 0);
}
