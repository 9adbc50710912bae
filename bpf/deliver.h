/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending a translated packet on its way, with the link header that the way wants. */
#ifndef DELIVER_H
#define DELIVER_H

#include "packet.h"

/*
 * Tells our own egress programs that a packet is one they have no need to look up. A field that
 * nothing else on the redirect's way reads, unlike the mark, which is the owner's.
 */
#define TC_INDEX_DELIVERED 0x5c07

/* The interface in a slot; 0 where it is gone. */
static __always_inline __u32 guarded_index(__u32 slot)
{
	const __u32 *ifindex = bpf_map_lookup_elem(&MAP_GUARDED, &slot);

	return ifindex ? *ifindex : 0;
}

static __always_inline bool link_known(const struct flow *flow)
{
	const __u16 *dst = (const void *)flow->link.dst;

	return dst[0] | dst[1] | dst[2];
}

/*
 * A bare IP packet gets room for a link header. The kernel's redirect into a veth expects one, and
 * a packet with a half-made header must never go back to the stack: nothing but a redirect or
 * a drop follows.
 */
static __always_inline int link_prepare(struct __sk_buff *skb, __u32 l2)
{
	if (l2)
		return 0;
	return bpf_skb_change_head(skb, ETH_HLEN, 0) ? -DROP_REWRITE : 0;
}

static __always_inline int link_write(struct __sk_buff *skb, const struct flow *flow)
{
	struct ethhdr *eth = packet_head(skb, sizeof(*eth));

	if (!eth)
		return -DROP_REWRITE;
	__builtin_memcpy(eth->h_dest, flow->link.dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, flow->link.src, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	return 0;
}

/* The addresses of a received frame, turned round: how to answer it. */
static __always_inline int link_answer(struct __sk_buff *skb, struct flow *flow, __u32 l2)
{
	struct ethhdr *eth;

	if (!l2)
		return 0;
	eth = packet_head(skb, sizeof(*eth));
	if (!eth)
		return -DROP_MALFORMED;
	__builtin_memcpy(flow->link.dst, eth->h_source, ETH_ALEN);
	__builtin_memcpy(flow->link.src, eth->h_dest, ETH_ALEN);
	return 0;
}

/* The kernel resolves NEXT_HOP, as it does for its own packets. */
static __always_inline int redirect_to_neighbour(__u32 ifindex, __be32 next_hop)
{
	struct bpf_redir_neigh neighbour = {
		.nh_family = AF_INET,
		.ipv4_nh = next_hop,
	};

	return bpf_redirect_neigh(ifindex, &neighbour, sizeof(neighbour), 0);
}

/*
 * Into the container: in one step to its end of the veth, where it has one that is up in a
 * namespace of its own and its link address is known. Else the host's end takes it, through the
 * kernel's neighbour table.
 */
static __always_inline int deliver_container(struct __sk_buff *skb, const struct flow *flow)
{
	__u32 slot = flow->container;
	struct container *container = bpf_map_lookup_elem(&MAP_CONTAINERS, &slot);
	__u32 ifindex = container && container->ifindex ? guarded_index(container->if_slot) : 0;

	if (!ifindex)
		return -DROP_NO_CONTAINER;
	if (!container->peer || !link_known(flow))
		return redirect_to_neighbour(ifindex, flow->out.dst.words[3]);
	if (link_write(skb, flow))
		return -DROP_REWRITE;
	return bpf_redirect_peer(ifindex, 0);
}

/* Returns a TC_ACT_* or a negated enum drop_reason. The packet is already rewritten. */
static __always_inline int deliver(struct __sk_buff *skb, const struct flow *flow, __u32 l2)
{
	__u32 ifindex;

	if (link_prepare(skb, l2))
		return -DROP_REWRITE;
	/* Both were meant for the side that the packet came from. */
	skb->mark = 0;
	skb->priority = 0;
	skb->tc_index = TC_INDEX_DELIVERED;

	if (flow->delivery == DELIVER_CONTAINER)
		return deliver_container(skb, flow);
	ifindex = guarded_index(flow->out_slot);
	if (!ifindex)
		return -DROP_NO_INTERFACE;
	if (flow->delivery == DELIVER_NEIGHBOUR)
		return redirect_to_neighbour(ifindex, flow->next_hop.words[3]);
	if (link_write(skb, flow))
		return -DROP_REWRITE;
	return bpf_redirect(ifindex, 0);
}

#endif
