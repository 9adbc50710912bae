/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to the kernel's routing table, which knows what holds at this moment. */
#ifndef ROUTE_H
#define ROUTE_H

#include "packet.h"

#define LOOPBACK_IFINDEX 1 /* in every namespace, net/core/net_namespace.c */
#define ROUTE_NONE 1

struct route {
	__u32 ifindex;
	__be32 next_hop;
	__be32 source; /* what the kernel would send from; 0 where it does not tell (before 6.7, mostly) */
	bool resolved; /* the link addresses of the next hop are known */
	__u8 link_dst[ETH_ALEN];
	__u8 link_src[ETH_ALEN];
};

struct query {
	__be32 src;
	__be32 dst;
	__u8 proto;
};

static __always_inline struct query query_of(const struct packet *packet)
{
	return (struct query){
		.src = packet->tuple.src.words[3],
		.dst = packet->tuple.dst.words[3],
		.proto = packet->tuple.proto,
	};
}

/*
 * Where an IPv4 packet goes. Returns 0 and fills *ROUTE, ROUTE_NONE where the kernel would not
 * forward it, for whatever reason, or -DROP_NO_ROUTE.
 *
 * The lookup starts from the loopback interface, since it is refused on an interface that does not
 * forward, and a gateway that redirects does not need the interfaces to (see dataplane.c).
 */
static __noinline int route_lookup(struct __sk_buff *skb, const struct query *query,
				   struct route *route)
{
	const struct settings *settings = settings_now();
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = query->proto,
		.ifindex = LOOPBACK_IFINDEX,
		.ipv4_src = query->src,
		.ipv4_dst = query->dst,
	};
	bool source = settings && settings->route_source;
	long result = bpf_fib_lookup(skb, &fib, sizeof(fib), source ? BPF_FIB_LOOKUP_SRC : 0);

	if (result == BPF_FIB_LKUP_RET_NOT_FWDED)
		return ROUTE_NONE;
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

/* Whether what is next to an address is on the link of IFINDEX (0: of any interface). */
static __noinline bool is_on_link(struct __sk_buff *skb, const struct query *of, __u32 ifindex,
				  __u32 next_to)
{
	struct query query = *of;
	struct route route;

	query.dst ^= bpf_htonl(next_to);
	if (route_lookup(skb, &query, &route))
		return false;
	return route.next_hop == query.dst && (!ifindex || route.ifindex == ifindex);
}

/*
 * Whether an address that the map does not know is the host's, and on IFINDEX. The kernel says
 * of an address of its own just what it says of one without a route. But where the host has an
 * address, its network is on the link: of some neighbours one is neither the host's as well nor
 * the network's first or last address.
 */
static __always_inline bool is_new_local(struct __sk_buff *skb, const struct query *query,
					 __u32 ifindex)
{
	return is_on_link(skb, query, ifindex, 3) || is_on_link(skb, query, ifindex, 1) ||
	       is_on_link(skb, query, ifindex, 5) || is_on_link(skb, query, ifindex, 9);
}

/*
 * Whether the host holds the packet's destination on IFINDEX (0: on any interface). The map says
 * which interface an address was on when user space last looked, the routing table whether the
 * host holds it now. An IPv6 address is the map's word alone.
 */
static __noinline bool is_local(struct __sk_buff *skb, const struct packet *packet, __u32 ifindex)
{
	const __u32 *holder = bpf_map_lookup_elem(&MAP_LOCALS, &packet->tuple.dst);
	struct query query = query_of(packet);
	struct route route;

	if (holder && *holder != LOCAL_ANYWHERE && *holder != ifindex &&
	    (ifindex || *holder == LOCAL_NOWHERE))
		return false;
	if (!packet->v4)
		return holder;
	if (route_lookup(skb, &query, &route) != ROUTE_NONE)
		return false;
	return holder || is_new_local(skb, &query, ifindex);
}

#endif
