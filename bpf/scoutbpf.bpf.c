// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway's data path. Each program reads like a row of the packet table: parse, find the
 * flow, else ask the policy, then rewrite and deliver.
 *
 * Functions return 0 or a TC_ACT_*, or a negated enum drop_reason; verdict() turns the
 * latter into a counted drop. Passing is TC_ACT_UNSPEC, so that other programs on the hook run.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "adopt.h"
#include "deliver.h"
#include "flow.h"
#include "maps.h"
#include "open.h"
#include "packet.h"
#include "policy.h"
#include "report.h"
#include "rewrite.h"
#include "route.h"

char LICENSE[] SEC("license") = "GPL";

/* TC_ACT_UNSPEC is -1 and so is the first reason: passing has a value of its own until the end. */
#define PASS 0x100

static __always_inline int verdict(struct __sk_buff *skb, int result)
{
	if (result >= 0)
		return result == PASS ? TC_ACT_UNSPEC : result;
	count_drop(-result, skb->len);
	return TC_ACT_SHOT;
}

/* Where the container is on its link: told by its answer, or by the kernel's neighbour table. */
static __noinline void learn_container_link(struct __sk_buff *skb, const struct packet *packet,
					    struct flow *flow, __u32 l2)
{
	struct query query = query_of(packet);
	struct flow *partner;
	struct route route;

	if (flow->kind != FLOW_FORWARDED)
		return;
	if (flow->direction == FLOW_REPLY) {
		partner = flow_partner(&MAP_HALF_OPEN, flow);
		if (partner)
			(void)link_answer(skb, partner, l2);
		return;
	}
	if (link_known(flow))
		return;
	query.dst = flow->out.dst.words[3];
	if (route_lookup(skb, &query, &route) || !route.resolved)
		return;
	__builtin_memcpy(flow->link.dst, route.link_dst, ETH_ALEN);
	__builtin_memcpy(flow->link.src, route.link_src, ETH_ALEN);
}

/* A promoted entry has another place: the old one may already be another flow's. */
static __always_inline int advance_half_open(struct __sk_buff *skb, const struct packet *packet,
					     __u32 l2, struct flow **flow)
{
	int advanced;

	learn_container_link(skb, packet, *flow, l2);
	advanced = flow_advance(&packet->tuple, *flow, packet);
	if (advanced < 0)
		return advanced;
	if (advanced)
		*flow = bpf_map_lookup_elem(&MAP_FLOWS, &packet->tuple);
	return *flow ? 0 : -DROP_TABLE_FULL;
}

/* Whether the packet may open anew what its flow was: that one has ended, was revoked, or lost its
 * other half. RFC 9293 3.10.7.4 lets the ends reuse a port so, too. */
static __always_inline bool may_reopen(const struct packet *packet, const struct flow *flow)
{
	return is_opening(packet) && flow->direction == FLOW_ORIGINAL;
}

/* An echo is a flow's question, an echo reply its answer, and no other message is either. */
static __always_inline bool is_misplaced(const struct packet *packet, const struct flow *flow)
{
	enum icmp_class fits =
		flow->direction == FLOW_ORIGINAL ? ICMP_CLASS_ECHO : ICMP_CLASS_ECHO_REPLY;

	return packet->icmp && packet->icmp != fits;
}

/* A container speaks for itself only, also in the middle of a flow. */
static __always_inline bool is_impostor(const struct __sk_buff *skb, const struct packet *packet,
					const struct flow *flow)
{
	__u32 slot = flow->in_slot;
	struct interface *interface;

	if (packet->tuple.zone != ZONE_CONTAINER || slot == NO_SLOT)
		return false;
	interface = bpf_map_lookup_elem(&MAP_INTERFACES, &slot);
	return !interface || interface->ifindex != skb->ifindex;
}

/*
 * Finds the flow of a packet; *RET is NULL where the packet is new, or opens a flow anew and
 * so goes through the policy like any other.
 */
static __always_inline int known_flow(struct __sk_buff *skb, const struct packet *packet, __u32 l2,
				      __u64 now, struct flow **ret)
{
	const struct tuple *key = &packet->tuple;
	struct flow *flow = flow_find(&MAP_FLOWS, key, now);
	bool established = flow;

	*ret = NULL;
	if (!flow)
		flow = flow_find(&MAP_HALF_OPEN, key, now);
	if (!flow || is_misplaced(packet, flow))
		return 0;
	if (is_impostor(skb, packet, flow))
		return -DROP_SPOOFED;
	if (!lease_live(&flow->lease))
		return may_reopen(packet, flow) ? 0 : -DROP_REVOKED;
	if (established) {
		if (is_opening_syn(packet) && is_closing(flow))
			return 0;
		flow_track(flow, packet);
		*ret = flow;
		return 0;
	}
	if (may_reopen(packet, flow) && !flow_partner(&MAP_HALF_OPEN, flow))
		return 0;
	*ret = flow;
	return advance_half_open(skb, packet, l2, ret);
}

/* The entry of a flow that was just opened. */
static __always_inline int opened_flow(const struct packet *packet, struct flow **ret)
{
	count_total(TOTAL_OPENED);
	*ret = bpf_map_lookup_elem(&MAP_HALF_OPEN, &packet->tuple);
	return *ret ? 0 : -DROP_TABLE_FULL;
}

/* A packet of a live flow, from here on its way. */
static __always_inline int forward(struct __sk_buff *skb, const struct packet *packet,
				   struct flow *flow, __u32 l2, __u64 now)
{
	int err;

	if (flow->delivery == DELIVER_STACK) {
		flow_account(flow, skb, packet, now);
		return PASS;
	}
	if (packet->ttl <= 1)
		return -DROP_TTL;
	flow_account(flow, skb, packet, now);
	err = rewrite(skb, packet, &flow->out, l2);
	return err ?: deliver(skb, flow, l2);
}

/*
 * New from VPN or LAN: asks the policy, and whether the address is the host's. Returns 0 when a
 * flow was opened, PASS, or a reason.
 */
__noinline int new_from_outside(struct __sk_buff *skb, __u32 l2, __u64 now)
{
	const struct packet *packet = handed_packet();
	struct decision decision;
	int err;

	if (!packet)
		return -DROP_TABLE_FULL;
	decision = policy_outside(packet);
	if (decision.action == ACTION_DROP) {
		if (decision.lease.gen)
			count_port_refused(decision.lease.grant);
		return -decision.reason;
	}
	if (decision.action == ACTION_PASS)
		return PASS;
	if (!is_local(skb, packet, skb->ifindex))
		return -DROP_NOT_LOCAL;
	if (decision.action == ACTION_PASS_LOCAL)
		return PASS;

	if (decision.action == ACTION_HOST)
		err = open_host(skb, &MAP_HALF_OPEN, packet, &decision.lease, false, now);
	else
		err = open_forwarded(skb, packet, &decision, l2, now);
	if (!err)
		count_port_opened(decision.lease.grant);
	return err;
}

/* What belongs to the host although no flow says so. Returns 0 for what is new, PASS, or a reason. */
static __always_inline int unknown_to_flows(struct __sk_buff *skb, const struct packet *packet,
					    __u64 now)
{
	if (!hand_over(packet))
		return -DROP_TABLE_FULL;
	if (packet->icmp == ICMP_CLASS_ERROR)
		return is_host_error(skb) ? PASS : -DROP_ICMP_ERROR;
	return adopt(skb, now) ? PASS : 0;
}

/* New from the container in SLOT to the outside, by ROUTE: the policy, a port. */
static __always_inline int new_to_outside(struct __sk_buff *skb, const struct packet *packet,
					  const struct route *route, __u32 slot, __u64 now)
{
	__u32 out_index = route->ifindex;
	__u32 *if_slot = bpf_map_lookup_elem(&MAP_IF_SLOTS, &out_index);
	struct interface *interface =
		if_slot ? bpf_map_lookup_elem(&MAP_INTERFACES, if_slot) : NULL;
	struct decision decision;

	if (!interface)
		return -DROP_NO_ROUTE;
	decision = policy_container(packet, slot, interface->zone);
	if (decision.action == ACTION_DROP)
		return -decision.reason;
	return open_outbound(skb, packet, &decision, route, interface, *if_slot, now);
}

/* To the host itself: an address, an answer to a ping, and no more. */
static __always_inline int new_to_host(struct __sk_buff *skb, const struct packet *packet)
{
	struct decision decision = policy_container_to_host(packet);

	if (decision.action == ACTION_PASS)
		return PASS;
	if (!is_local(skb, packet, 0))
		return packet->to_group ? -DROP_GROUP : packet->v4 ? -DROP_NO_ROUTE : -DROP_IPV6;
	return decision.action == ACTION_PASS_LOCAL ? PASS : -decision.reason;
}

/* A source address is good only on the interface of the container that has it. */
static __always_inline bool is_spoofed(const struct __sk_buff *skb, const __u32 *slot)
{
	struct container *container = bpf_map_lookup_elem(&MAP_CONTAINERS, slot);

	return !container || container->ifindex != skb->ifindex;
}

/* New from the container. Returns 0 when a flow was opened, PASS, or a reason. */
__noinline int new_from_container(struct __sk_buff *skb, __u64 now)
{
	const struct packet *packet = handed_packet();
	struct query query;
	struct route route;
	__u32 *slot;
	int result;

	if (!packet)
		return -DROP_TABLE_FULL;
	if (!packet->v4 || packet->to_group || is_dhcp_request(packet))
		return new_to_host(skb, packet);
	slot = bpf_map_lookup_elem(&MAP_CONTAINER_SLOTS, &packet->tuple.src);
	if (!slot || is_spoofed(skb, slot))
		return -DROP_SPOOFED;
	query = query_of(packet);
	result = route_lookup(skb, &query, &route);
	if (result == ROUTE_NONE)
		return new_to_host(skb, packet);
	return result ?: new_to_outside(skb, packet, &route, *slot, now);
}

/* A packet that comes in by an interface of ZONE, behind L2 bytes of link header. */
static __always_inline int from_link(struct __sk_buff *skb, __u8 zone, __u32 l2)
{
	struct packet packet = {};
	__u64 now = bpf_jiffies64();
	struct flow *flow;
	int result = parse(skb, &packet, zone, l2);

	if (result)
		return result == PARSE_NOT_IP ? PASS : result;
	if (!packet.to_me && !packet.to_group)
		return -DROP_OTHER_HOST;
	result = known_flow(skb, &packet, l2, now, &flow);
	if (!result && !flow) {
		result = unknown_to_flows(skb, &packet, now);
		if (!result)
			result = zone == ZONE_CONTAINER ? new_from_container(skb, now)
							: new_from_outside(skb, l2, now);
		if (!result)
			result = opened_flow(&packet, &flow);
	}
	return result ?: forward(skb, &packet, flow, l2, now);
}

/* Opened by the host. */
static __noinline void remember(struct __sk_buff *skb, const struct packet *packet, __u64 now)
{
	struct lease lease = {};
	struct flow *flow;

	if (open_host(skb, &MAP_HALF_OPEN, packet, &lease, true, now))
		return;
	if (!opened_flow(packet, &flow))
		flow_account(flow, skb, packet, now);
}

/*
 * What the host sends passes, whatever it is, unless it belongs to a connection that was revoked;
 * what it opens is remembered. An answer of its own opens nothing: else a revoked connection
 * would open itself again with a retransmission.
 */
static __always_inline int from_host(struct __sk_buff *skb, __u8 zone, __u32 l2)
{
	struct packet packet = {};
	__u64 now = bpf_jiffies64();
	struct flow *flow;

	if (skb->tc_index == TC_INDEX_DELIVERED || skb->vlan_present)
		return PASS;
	if (parse(skb, &packet, zone, l2))
		return PASS;
	if (known_flow(skb, &packet, l2, now, &flow) == -DROP_REVOKED)
		return -DROP_REVOKED;
	if (flow)
		flow_account(flow, skb, &packet, now);
	else if (is_opening(&packet) && !packet.to_group)
		remember(skb, &packet, now);
	return PASS;
}

SEC("tc")
int vpn_in_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_link(skb, ZONE_VPN, ETH_HLEN));
}

SEC("tc")
int vpn_in_ip(struct __sk_buff *skb)
{
	return verdict(skb, from_link(skb, ZONE_VPN, 0));
}

SEC("tc")
int lan_in_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_link(skb, ZONE_LAN, ETH_HLEN));
}

SEC("tc")
int lan_in_ip(struct __sk_buff *skb)
{
	return verdict(skb, from_link(skb, ZONE_LAN, 0));
}

SEC("tc")
int container_in_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_link(skb, ZONE_CONTAINER, ETH_HLEN));
}

SEC("tc")
int vpn_out_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_host(skb, ZONE_VPN, ETH_HLEN));
}

SEC("tc")
int vpn_out_ip(struct __sk_buff *skb)
{
	return verdict(skb, from_host(skb, ZONE_VPN, 0));
}

SEC("tc")
int lan_out_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_host(skb, ZONE_LAN, ETH_HLEN));
}

SEC("tc")
int lan_out_ip(struct __sk_buff *skb)
{
	return verdict(skb, from_host(skb, ZONE_LAN, 0));
}

SEC("tc")
int container_out_eth(struct __sk_buff *skb)
{
	return verdict(skb, from_host(skb, ZONE_CONTAINER, ETH_HLEN));
}

/*
 * Not for packets: run by user space to read the clocks that flows are stamped with. Writes the
 * jiffies and CLOCK_BOOTTIME in ns to the start of the buffer.
 */
SEC("tc")
int read_clock(struct __sk_buff *skb)
{
	__u64 clock[2] = {bpf_jiffies64(), bpf_ktime_get_boot_ns()};

	return bpf_skb_store_bytes(skb, 0, clock, sizeof(clock), 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Not for packets: TC_ACT_OK where the route lookup tells the source address (from 6.7 on, mostly), which user
 * space finds out by running this. */
SEC("tc")
int probe_route_source(struct __sk_buff *skb)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ifindex = LOOPBACK_IFINDEX,
		.ipv4_dst = bpf_htonl(0x7f000001),
	};

	return bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_SRC) < 0 ? TC_ACT_SHOT
									      : TC_ACT_OK;
}
