/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening flows: what the policy allowed becomes two entries and a way for each direction. */
#ifndef OPEN_H
#define OPEN_H

#include "deliver.h"
#include "flow.h"
#include "route.h"

/* How many masquerade ports are tried before the answer is that there is none. */
#define MASQUERADE_TRIES 16

/* The slot of the interface that a packet came in by. */
static __always_inline int if_slot_of(__u32 ifindex)
{
	const __u32 *if_slot = bpf_map_lookup_elem(&MAP_IF_SLOTS, &ifindex);

	return if_slot ? *if_slot & 0xffff : -DROP_NO_INTERFACE;
}

/* From VPN or LAN into the container. Answers leave as the frame came. */
static __always_inline int open_forwarded(struct __sk_buff *skb, const struct packet *packet,
					  const struct decision *decision, __u32 l2, __u64 now)
{
	const struct tuple *in = &packet->tuple;
	__u32 slot = decision->container;
	struct container *container = bpf_map_lookup_elem(&MAP_CONTAINERS, &slot);
	struct draft *draft = draft_new(FLOW_FORWARDED, &decision->lease, in->proto, now);
	int if_slot = if_slot_of(skb->ifindex);

	if (!draft)
		return -DROP_TABLE_FULL;
	if (if_slot < 0)
		return if_slot;
	if (!container || !container->ifindex)
		return -DROP_NO_CONTAINER;

	draft->original.out = *in;
	draft->original.out.dst = container->address;
	draft->original.out.dport = bpf_htons(decision->to_port);
	draft->original.out.zone = ZONE_CONTAINER;
	draft->original.delivery = DELIVER_CONTAINER;
	draft->original.container = slot;
	draft->original.in_slot = if_slot;

	draft->reply.delivery = DELIVER_LINK;
	draft->reply.container = slot;
	draft->reply.in_slot = container->if_slot;
	draft->reply.out_slot = if_slot;
	if (link_answer(skb, &draft->reply, l2))
		return -DROP_MALFORMED;
	return flow_enter(&MAP_HALF_OPEN, in, draft, now);
}

/* A flow with the host at one end: nothing is translated, both directions stay with the stack. */
static __always_inline int open_host(struct __sk_buff *skb, void *table,
				     const struct packet *packet, const struct lease *lease,
				     bool from_host, __u64 now)
{
	const struct tuple *in = &packet->tuple;
	struct draft *draft = draft_new(FLOW_HOST, lease, in->proto, now);
	int if_slot = if_slot_of(skb->ifindex);

	if (!draft)
		return -DROP_TABLE_FULL;
	if (if_slot < 0)
		return if_slot;
	draft->original.out = *in;
	draft->original.in_slot = from_host ? NO_SLOT : if_slot;
	draft->reply.in_slot = from_host ? if_slot : NO_SLOT;
	if (table == &MAP_FLOWS) {
		draft->original.timeout = open_timeout(in->proto);
		draft->reply.timeout = draft->original.timeout;
	}
	return flow_enter(table, in, draft, now);
}

/* Forwarded ports are not the masquerade's: they belong to who connects from outside. */
static __always_inline bool is_forwarded_port(__u8 proto, __u32 port)
{
	__u32 index = (proto == IPPROTO_TCP ? GRANT_TCP : GRANT_UDP) + (port & 0xffff);
	const struct grant *grant = bpf_map_lookup_elem(&MAP_GRANTS, &index);

	return (proto == IPPROTO_TCP || proto == IPPROTO_UDP) && (!grant || grant->on);
}

/* Whether no flow, not even a former one, gets the replies that OUT would. */
static __noinline bool is_unused(const struct tuple *out)
{
	struct tuple reply = tuple_reversed(out);

	return !bpf_map_lookup_elem(&MAP_FLOWS, &reply) &&
	       !bpf_map_lookup_elem(&MAP_HALF_OPEN, &reply);
}

/*
 * Gives OUT, whose source address is set, a source port: address- and port-dependent mapping
 * (RFC 4787 4.1), so that a port is free when no flow to this destination has it. The
 * container's own is kept where the range holds it and it is free, else random ones are tried.
 * Where all of them are in use, the last may be so by a flow that has ended, which flow_enter()
 * finds out. Where all are forwarded, somebody forwards the whole range: then the destination
 * alone tells the two uses apart. Of an echo it is the identifier. Returns 0 or -DROP_NO_PORT.
 */
static __always_inline int choose_port(struct tuple *out)
{
	const struct settings *settings = settings_now();
	bool found = false;
	__u32 low, count, port, i;

	if (!settings)
		return -DROP_NO_PORT;
	low = settings->masquerade_low;
	count = settings->masquerade_high - low + 1U;
	port = bpf_ntohs(out->sport);
	for (i = 0; i < MASQUERADE_TRIES; i++) {
		if (i || port - low >= count)
			port = low + bpf_get_prandom_u32() % count;
		if (is_forwarded_port(out->proto, port))
			continue;
		out->sport = bpf_htons(port);
		found = true;
		if (is_unused(out))
			break;
	}
	if (!found)
		out->sport = bpf_htons(port);
	return 0;
}

/* Enters an outbound flow whose draft has no source port of its own yet. What the flow was before
 * goes first: it must not be in its own way. */
static __always_inline int enter_masqueraded(const struct tuple *in, struct draft *draft, __u64 now)
{
	int err;

	forget_former(in);
	err = choose_port(&draft->original.out);
	if (!err)
		err = flow_enter(&MAP_HALF_OPEN, in, draft, now);
	return err == -DROP_TUPLE_TAKEN ? -DROP_NO_PORT : err;
}

/* From the container to the outside, by ROUTE over INTERFACE. Answers leave as the frame came. */
static __always_inline int open_outbound(struct __sk_buff *skb, const struct packet *packet,
					 const struct decision *decision, const struct route *route,
					 const struct interface *interface, __u16 if_slot,
					 __u64 now)
{
	const struct tuple *in = &packet->tuple;
	struct draft *draft = draft_new(FLOW_OUTBOUND, &decision->lease, in->proto, now);
	__be32 source = route->source ?: interface->address.words[3];

	if (!draft)
		return -DROP_TABLE_FULL;
	if (!source)
		return -DROP_NO_ADDRESS;

	draft->original.out = *in;
	addr_set_v4(&draft->original.out.src, source);
	draft->original.out.zone = interface->zone;
	draft->original.delivery = interface->ethernet ? DELIVER_NEIGHBOUR : DELIVER_LINK;
	draft->original.container = decision->container;
	draft->original.in_slot = if_slot_of(skb->ifindex);
	draft->original.out_slot = if_slot;
	if (interface->ethernet)
		addr_set_v4(&draft->original.next_hop, route->next_hop);

	draft->reply.delivery = DELIVER_CONTAINER;
	draft->reply.container = decision->container;
	draft->reply.in_slot = if_slot;
	if (link_answer(skb, &draft->reply, ETH_HLEN))
		return -DROP_MALFORMED;
	return enter_masqueraded(in, draft, now);
}

#endif
