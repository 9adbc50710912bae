/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet without a flow may do, decided from its parsed form and the maps alone: no
 * pointer into a packet comes here, so that every path asks the same lines.
 */
#ifndef POLICY_H
#define POLICY_H

#include "packet.h"

enum action {
	ACTION_DROP,
	ACTION_PASS, /* to the host, no flow */
	ACTION_PASS_LOCAL, /* the same, if the address is the host's */
	ACTION_HOST, /* a flow that ends in the host, if the address is the host's */
	ACTION_FORWARD, /* a flow into the container, if the address is the host's */
	ACTION_MASQUERADE, /* a flow out of the container */
};

struct decision {
	enum action action;
	enum drop_reason reason; /* ACTION_DROP */
	struct lease lease; /* actions that open a flow */
	__u16 to_port; /* ACTION_FORWARD, host order */
	__u8 container; /* ACTION_FORWARD */
};

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DHCPV6_CLIENT_PORT 546
#define DHCPV6_SERVER_PORT 547

static __always_inline struct decision drop_because(enum drop_reason reason)
{
	return (struct decision){.action = ACTION_DROP, .reason = reason};
}

/* Granted, but not to this packet: the grant's refusals are counted. */
static __always_inline struct decision refused(struct decision decision, enum drop_reason reason)
{
	decision.action = ACTION_DROP;
	decision.reason = reason;
	return decision;
}

static __always_inline struct decision pass(enum action action)
{
	return (struct decision){.action = action};
}

/* The door and its state are one word: a change in the middle is not seen half. */
static __always_inline struct grant grant_read(const struct grant *grant)
{
	return (struct grant){.word = *(volatile const __u64 *)&grant->word,
			      .expires = *(volatile const __u64 *)&grant->expires};
}

/* The clock counts through suspend, and is read only for grants that end. */
static __always_inline bool grant_expired(const struct grant *grant)
{
	return grant->expires && bpf_ktime_get_boot_ns() >= grant->expires;
}

static __always_inline bool grant_is(__u32 index, __u32 gen)
{
	struct grant *slot = bpf_map_lookup_elem(&MAP_GRANTS, &index);
	struct grant grant;

	if (!slot)
		return false;
	grant = grant_read(slot);
	return grant.gen == gen && grant.on && !grant_expired(&grant);
}

/* Whether what opened the flow still stands. */
static __always_inline bool lease_live(const struct lease *lease)
{
	if (lease->gen && !grant_is(lease->grant, lease->gen))
		return false;
	return !lease->lan_gen || grant_is(GRANT_LAN, lease->lan_gen);
}

/* The grant as it stands now, closed where it ran out. */
static __always_inline struct grant grant_now(__u32 index)
{
	struct grant *slot = bpf_map_lookup_elem(&MAP_GRANTS, &index);
	struct grant grant = {};

	if (slot)
		grant = grant_read(slot);
	if (grant_expired(&grant))
		grant.on = 0;
	return grant;
}

static __always_inline const struct settings *settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&MAP_SETTINGS, &zero);
}

static __always_inline bool udp_between(const struct tuple *tuple, __u16 from, __u16 to)
{
	return tuple->proto == IPPROTO_UDP && tuple->sport == bpf_htons(from) &&
	       tuple->dport == bpf_htons(to);
}

/* What answers a DHCP client may be broadcast, or sent to an address that it does not hold yet. */
static __always_inline bool is_dhcp_answer(const struct packet *packet)
{
	if (packet->v4)
		return udp_between(&packet->tuple, DHCP_SERVER_PORT, DHCP_CLIENT_PORT);
	return udp_between(&packet->tuple, DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT);
}

/* Where the host forwards, what it passes to itself for somebody else goes there. */
static __always_inline bool is_container_address(const union addr *addr)
{
	return bpf_map_lookup_elem(&MAP_CONTAINER_SLOTS, addr);
}

static __always_inline bool is_dhcp_request(const struct packet *packet)
{
	if (packet->v4)
		return udp_between(&packet->tuple, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
	return udp_between(&packet->tuple, DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT);
}

static __always_inline bool is_host_control(const struct packet *packet)
{
	const struct settings *settings = settings_now();

	return packet->tuple.proto == IPPROTO_TCP && settings &&
	       packet->tuple.dport == bpf_htons(settings->host_control_port);
}

/* From the LAN a door leads only through LAN access; its generation goes into the lease. */
static __always_inline bool lan_open(const struct packet *packet, struct lease *lease)
{
	struct grant lan;

	if (packet->tuple.zone != ZONE_LAN)
		return true;
	lan = grant_now(GRANT_LAN);
	lease->lan_gen = lan.gen;
	return lan.on;
}

static __always_inline struct decision policy_host_control(const struct packet *packet)
{
	struct decision decision = {.action = ACTION_HOST};
	struct grant grant = grant_now(GRANT_HOST_CONTROL);

	if (!grant.on)
		return drop_because(DROP_HOST_CONTROL_OFF);
	decision.lease = (struct lease){.grant = GRANT_HOST_CONTROL, .gen = grant.gen};
	if (!lan_open(packet, &decision.lease))
		return refused(decision, DROP_LAN_OFF);
	return decision;
}

static __always_inline struct decision policy_forward(const struct packet *packet)
{
	__u32 index = (packet->tuple.proto == IPPROTO_TCP ? GRANT_TCP : GRANT_UDP) +
		      bpf_ntohs(packet->tuple.dport);
	struct grant grant = grant_now(index);
	struct decision decision = {
		.action = ACTION_FORWARD,
		.lease = {.grant = index, .gen = grant.gen},
		.to_port = grant.to_port,
		.container = grant.container,
	};

	if (!(grant.on & ZONE_BIT(packet->tuple.zone)))
		return drop_because(DROP_PORT_CLOSED);
	if (!lan_open(packet, &decision.lease))
		return refused(decision, DROP_LAN_OFF);
	if (!packet->v4)
		return refused(decision, DROP_IPV6);
	return decision;
}

static __always_inline struct decision policy_echo(void)
{
	const struct settings *settings = settings_now();

	if (!settings || !settings->icmp_echo)
		return drop_because(DROP_ICMP_TYPE);
	return pass(ACTION_PASS_LOCAL);
}

/* A new packet from the VPN or the LAN. */
static __always_inline struct decision policy_outside(const struct packet *packet)
{
	if (packet->icmp == ICMP_CLASS_LINK)
		return pass(ACTION_PASS);
	if (is_dhcp_answer(packet))
		return is_container_address(&packet->tuple.dst) ? drop_because(DROP_NOT_LOCAL)
								: pass(ACTION_PASS);
	if (packet->to_group)
		return drop_because(DROP_GROUP);
	if (packet->icmp == ICMP_CLASS_ECHO)
		return policy_echo();
	if (packet->icmp)
		return drop_because(DROP_ICMP_TYPE);
	if (packet->tuple.proto == IPPROTO_TCP) {
		if (!is_opening_syn(packet))
			return drop_because(DROP_NO_FLOW);
		return is_host_control(packet) ? policy_host_control(packet)
					       : policy_forward(packet);
	}
	if (packet->tuple.proto == IPPROTO_UDP)
		return policy_forward(packet);
	return drop_because(DROP_PROTOCOL);
}

/* What the host itself offers a container: an address, and an answer to a ping. */
static __always_inline struct decision policy_container_to_host(const struct packet *packet)
{
	if (packet->icmp == ICMP_CLASS_LINK)
		return pass(ACTION_PASS);
	if (is_dhcp_request(packet))
		return pass(packet->to_group ? ACTION_PASS : ACTION_PASS_LOCAL);
	if (packet->icmp == ICMP_CLASS_ECHO && !packet->to_group)
		return pass(ACTION_PASS_LOCAL);
	return drop_because(packet->to_group ? DROP_GROUP : DROP_TO_HOST);
}

struct network {
	__u32 address; /* host order */
	__u32 mask;
};

/* RFC 6890 and RFC 5771: the IPv4 networks that are not the internet. The ones for documentation are
 * nowhere, and left out. */
static __always_inline bool is_internet(__be32 v4)
{
	static const struct network special[] = {
		{0x00000000, 0xff000000}, /* 0.0.0.0/8 */
		{0x0a000000, 0xff000000}, /* 10.0.0.0/8 */
		{0x64400000, 0xffc00000}, /* 100.64.0.0/10 */
		{0x7f000000, 0xff000000}, /* 127.0.0.0/8 */
		{0xa9fe0000, 0xffff0000}, /* 169.254.0.0/16 */
		{0xac100000, 0xfff00000}, /* 172.16.0.0/12 */
		{0xc0000000, 0xffffff00}, /* 192.0.0.0/24 */
		{0xc0a80000, 0xffff0000}, /* 192.168.0.0/16 */
		{0xc6120000, 0xfffe0000}, /* 198.18.0.0/15 */
		{0xe0000000, 0xe0000000}, /* 224.0.0.0/4 and 240.0.0.0/4 */
	};
	__u32 address = bpf_ntohl(v4);
	__u32 i;

#pragma unroll
	for (i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if ((address & special[i].mask) == special[i].address)
			return false;
	return true;
}

/* A new packet from the container in SLOT to the outside, which its route leaves by OUT_ZONE. */
static __always_inline struct decision policy_container(const struct packet *packet, __u8 slot,
							__u8 out_zone)
{
	__u32 index = GRANT_EGRESS + slot;
	struct grant grant = grant_now(index);
	struct decision decision = {
		.action = ACTION_MASQUERADE,
		.lease = {.grant = index, .gen = grant.gen},
		.container = slot,
	};
	bool allowed = grant.on == EGRESS_ANY;

	if (!packet->v4)
		return drop_because(DROP_IPV6);
	if (packet->to_group)
		return drop_because(DROP_GROUP);
	if (out_zone == ZONE_CONTAINER)
		allowed = false; /* another container is not the outside */
	else if (grant.on == EGRESS_INTERNET)
		allowed = is_internet(packet->tuple.dst.words[3]);
	else if (grant.on == EGRESS_VPN)
		allowed = out_zone == ZONE_VPN;
	if (!allowed)
		return drop_because(DROP_EGRESS);
	if (packet->tuple.proto == IPPROTO_TCP && !is_opening_syn(packet))
		return drop_because(DROP_NO_FLOW);
	if (!is_opening(packet))
		return drop_because(packet->icmp ? DROP_ICMP_TYPE : DROP_PROTOCOL);
	return decision;
}

#endif
