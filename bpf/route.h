/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to the kernel's routing table, which knows what holds at this moment. */
#ifndef ROUTE_H
#define ROUTE_H

#include "packet.h"

#define LOOPBACK_IFINDEX 1 /* in every namespace, net/core/net_namespace.c */
#define ROUTE_LOCAL 1

struct route {
	__u32 ifindex;
	__be32 next_hop;
	__be32 source; /* what the kernel would send from; 0 where it does not tell (before 6.7) */
	bool resolved; /* the link addresses of the next hop are known */
	__u8 link_dst[ETH_ALEN];
	__u8 link_src[ETH_ALEN];
};

/*
 * Where an IPv4 packet from SRC to DST goes. Returns 0 and fills *ROUTE, ROUTE_LOCAL for an
 * address of the host (or a broadcast), or -DROP_NO_ROUTE.
 *
 * The lookup starts from the loopback interface, since it is refused on an interface that does not
 * forward, and a gateway that redirects does not need the interfaces to (see dataplane.c).
 */
static __noinline int route_lookup(struct __sk_buff *skb, __be32 src, __be32 dst, __u8 proto,
				   struct route *route)
{
	const struct settings *settings = settings_now();
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = proto,
		.ifindex = LOOPBACK_IFINDEX,
		.ipv4_src = src,
		.ipv4_dst = dst,
	};
	bool source = settings && settings->route_source;
	long result = bpf_fib_lookup(skb, &fib, sizeof(fib), source ? BPF_FIB_LOOKUP_SRC : 0);

	if (result == BPF_FIB_LKUP_RET_NOT_FWDED)
		return ROUTE_LOCAL;
	if (result != BPF_FIB_LKUP_RET_SUCCESS && result != BPF_FIB_LKUP_RET_NO_NEIGH)
		return -DROP_NO_ROUTE;
	route->ifindex = fib.ifindex;
	route->next_hop = fib.ipv4_dst;
	route->source = source ? fib.ipv4_src : 0;
	route->resolved = result == BPF_FIB_LKUP_RET_SUCCESS;
	__builtin_memcpy(route->link_dst, fib.dmac, ETH_ALEN);
	__builtin_memcpy(route->link_src, fib.smac, ETH_ALEN);
	return 0;
}

/*
 * Whether the host holds the packet's destination on the interface it came in by. The map says
 * which interface an address was on when user space last looked, the routing table whether the
 * host holds it now; an IPv4 address newer than the map is taken at the table's word.
 */
static __always_inline bool is_local(struct __sk_buff *skb, const struct packet *packet)
{
	const __u32 *holder = bpf_map_lookup_elem(&MAP_LOCALS, &packet->tuple.dst);
	struct route route;

	if (holder && *holder != LOCAL_ANYWHERE && *holder != skb->ifindex)
		return false;
	if (!packet->v4)
		return holder;
	return route_lookup(skb, packet->tuple.src.words[3], packet->tuple.dst.words[3],
			    packet->tuple.proto, &route) == ROUTE_LOCAL;
}

#endif
