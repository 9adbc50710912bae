// SPDX-License-Identifier: GPL-2.0-only
/* What a packet without a flow may do, for every combination of what the answer depends on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy.h"
#include "world.h"

#define PORT 2000
#define TO_PORT 80
#define SLOT 3
#define BOTH_ZONES (ZONE_BIT(ZONE_VPN) | ZONE_BIT(ZONE_LAN))

static struct packet packet_to(__u8 zone, __u8 proto, __u16 port)
{
	return (struct packet){
		.tuple = {.src = addr4(198, 51, 100, 9),
			  .dst = addr4(10, 1, 0, 2),
			  .sport = bpf_htons(40000),
			  .dport = bpf_htons(port),
			  .proto = proto,
			  .zone = zone},
		.v4 = 1,
		.ttl = 64,
		.tcp = proto == IPPROTO_TCP ? TCP_SYN : 0,
		.to_me = 1,
	};
}

static __u32 port_index(__u8 proto, __u16 port)
{
	return (proto == IPPROTO_TCP ? GRANT_TCP : GRANT_UDP) + port;
}

static void grant_port(__u8 proto, __u16 port, __u8 zones)
{
	grant_set(port_index(proto, port),
		  (struct grant){.gen = 11, .on = zones, .to_port = TO_PORT, .container = SLOT});
}

static void grant_lan(bool on)
{
	grant_set(GRANT_LAN, (struct grant){.gen = 22, .on = on});
}

static void grant_host_control(bool on)
{
	grant_set(GRANT_HOST_CONTROL, (struct grant){.gen = 33, .on = on});
}

static void assert_drop(struct decision decision, enum drop_reason reason)
{
	assert_int_equal(decision.action, ACTION_DROP);
	assert_int_equal(decision.reason, reason);
}

/* What new packets to a port of the container depend on. */
struct situation {
	__u8 zone, proto;
	__u8 granted; /* to these zones */
	bool lan, v6, group;
};

static struct decision decide(const struct situation *now)
{
	struct packet packet = packet_to(now->zone, now->proto, PORT);

	packet.v4 = !now->v6;
	packet.to_group = now->group;
	grant_port(now->proto, PORT, now->granted);
	grant_lan(now->lan);
	return policy_outside(&packet);
}

/* The first of them that stands against it. */
static enum drop_reason objection(const struct situation *now)
{
	if (now->group)
		return DROP_GROUP;
	if (!(now->granted & ZONE_BIT(now->zone)))
		return DROP_PORT_CLOSED;
	if (now->zone == ZONE_LAN && !now->lan)
		return DROP_LAN_OFF;
	return now->v6 ? DROP_IPV6 : 0;
}

static void check_forward(const struct situation *now)
{
	struct decision decision = decide(now);
	__u32 index = port_index(now->proto, PORT);

	if (objection(now)) {
		assert_drop(decision, objection(now));
		return;
	}
	assert_int_equal(decision.action, ACTION_FORWARD);
	assert_int_equal(decision.to_port, TO_PORT);
	assert_int_equal(decision.container, SLOT);
	assert_int_equal(decision.lease.grant, index);
	assert_int_equal(decision.lease.gen, 11);
	assert_int_equal(decision.lease.lan_gen, now->zone == ZONE_LAN ? 22 : 0);
	assert_true(lease_live(&decision.lease));
	grant_port(now->proto, PORT, 0);
	assert_false(lease_live(&decision.lease));
	/* What LAN access is for a flow of the LAN, it is not for one of the VPN. */
	grant_port(now->proto, PORT, now->granted);
	grant_lan(false);
	assert_int_equal(lease_live(&decision.lease), now->zone == ZONE_VPN);
}

static void forwards(void **state)
{
	static const __u8 granted[] = {0, ZONE_BIT(ZONE_VPN), ZONE_BIT(ZONE_LAN), BOTH_ZONES};
	__u32 i;

	(void)state;
	for (i = 0; i < 128; i++) {
		struct situation now = {
			.zone = i & 1 ? ZONE_LAN : ZONE_VPN,
			.proto = i & 2 ? IPPROTO_UDP : IPPROTO_TCP,
			.granted = granted[i >> 2 & 3],
			.lan = i & 16,
			.v6 = i & 32,
			.group = i & 64,
		};

		check_forward(&now);
	}
	assert_int_equal(kernel.boot_clock_reads, 0); /* no grant has an end */
}

/* Of a refusal that the granted port's counter gets, the decision says which port; of others not. */
static void refusals_name_the_port(void **state)
{
	struct situation closed = {.zone = ZONE_LAN, .proto = IPPROTO_UDP};
	struct situation lan_off = {.zone = ZONE_LAN, .proto = IPPROTO_UDP, .granted = BOTH_ZONES};

	(void)state;
	assert_int_equal(decide(&closed).lease.gen, 0);
	assert_int_equal(decide(&lan_off).lease.gen, 11);
	assert_int_equal(decide(&lan_off).lease.grant, port_index(IPPROTO_UDP, PORT));
}

static void a_port_is_one_protocols(void **state)
{
	struct packet udp = packet_to(ZONE_VPN, IPPROTO_UDP, PORT);
	struct packet next = packet_to(ZONE_VPN, IPPROTO_TCP, PORT + 1);

	(void)state;
	grant_port(IPPROTO_TCP, PORT, BOTH_ZONES);
	assert_drop(policy_outside(&udp), DROP_PORT_CLOSED);
	assert_drop(policy_outside(&next), DROP_PORT_CLOSED);
}

/* The first and the last grant of either protocol border on other grants. */
static void border_ports(void **state)
{
	static const __u8 protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static const __u16 ports[] = {0, 65535};
	__u32 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		__u8 proto = protocols[i & 1];
		struct packet packet = packet_to(ZONE_VPN, proto, ports[i >> 1]);

		assert_drop(policy_outside(&packet), DROP_PORT_CLOSED);
		grant_port(proto, ports[i >> 1], BOTH_ZONES);
		assert_int_equal(policy_outside(&packet).action, ACTION_FORWARD);
		grant_port(proto, ports[i >> 1], 0);
	}
	grant_lan(true);
	grant_host_control(true);
	for (i = 0; i < 4; i++) {
		struct packet packet = packet_to(ZONE_VPN, protocols[i & 1], ports[i >> 1]);

		assert_drop(policy_outside(&packet), DROP_PORT_CLOSED);
	}
}

static void host_control(void **state)
{
	__u32 i;

	(void)state;
	for (i = 0; i < 32; i++) {
		bool from_lan = i & 1, lan = i & 2, control = i & 4, v6 = i & 8, group = i & 16;
		struct packet packet =
			packet_to(from_lan ? ZONE_LAN : ZONE_VPN, IPPROTO_TCP, HOST_CONTROL_PORT);
		struct decision decision;

		packet.v4 = !v6;
		packet.to_group = group;
		grant_lan(lan);
		grant_host_control(control);
		decision = policy_outside(&packet);
		if (group) {
			assert_drop(decision, DROP_GROUP);
		} else if (!control) {
			assert_drop(decision, DROP_HOST_CONTROL_OFF);
		} else if (from_lan && !lan) {
			assert_drop(decision, DROP_LAN_OFF);
		} else {
			assert_int_equal(decision.action, ACTION_HOST);
			assert_int_equal(decision.lease.grant, GRANT_HOST_CONTROL);
			assert_int_equal(decision.lease.gen, 33);
			assert_int_equal(decision.lease.lan_gen, from_lan ? 22 : 0);
		}
	}
}

static void host_control_wins_over_a_forward(void **state)
{
	struct packet tcp = packet_to(ZONE_VPN, IPPROTO_TCP, HOST_CONTROL_PORT);
	struct packet udp = packet_to(ZONE_VPN, IPPROTO_UDP, HOST_CONTROL_PORT);

	(void)state;
	grant_port(IPPROTO_TCP, HOST_CONTROL_PORT, BOTH_ZONES);
	grant_port(IPPROTO_UDP, HOST_CONTROL_PORT, BOTH_ZONES);
	assert_drop(policy_outside(&tcp), DROP_HOST_CONTROL_OFF);
	grant_host_control(true);
	assert_int_equal(policy_outside(&tcp).action, ACTION_HOST);
	assert_int_equal(policy_outside(&udp).action, ACTION_FORWARD); /* sshd speaks TCP */
}

/* Only a SYN opens. */
static void tcp_flags(void **state)
{
	struct packet forward = packet_to(ZONE_VPN, IPPROTO_TCP, PORT);
	struct packet control = packet_to(ZONE_VPN, IPPROTO_TCP, HOST_CONTROL_PORT);
	__u32 flags;

	(void)state;
	grant_port(IPPROTO_TCP, PORT, BOTH_ZONES);
	grant_host_control(true);
	for (flags = 0; flags < 256; flags++) {
		bool syn = (flags & 0x17) == TCP_SYN;

		forward.tcp = control.tcp = flags;
		assert_int_equal(policy_outside(&forward).action,
				 syn ? ACTION_FORWARD : ACTION_DROP);
		assert_int_equal(policy_outside(&control).action, syn ? ACTION_HOST : ACTION_DROP);
		if (!syn)
			assert_drop(policy_outside(&forward), DROP_NO_FLOW);
	}
}

static void icmp_from_outside(void **state)
{
	struct packet packet = packet_to(ZONE_LAN, IPPROTO_ICMP, 0);
	__u8 v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		packet.v4 = !v6;
		packet.tuple.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		packet.to_group = 0;
		packet.icmp = ICMP_CLASS_ECHO;
		assert_int_equal(policy_outside(&packet).action, ACTION_PASS_LOCAL);
		packet.icmp = ICMP_CLASS_ECHO_REPLY;
		assert_drop(policy_outside(&packet), DROP_ICMP_TYPE);
		packet.icmp = ICMP_CLASS_OTHER;
		assert_drop(policy_outside(&packet), DROP_ICMP_TYPE);
		packet.to_group = 1;
		packet.icmp = ICMP_CLASS_LINK;
		assert_int_equal(policy_outside(&packet).action, ACTION_PASS);
		packet.icmp = ICMP_CLASS_ECHO;
		assert_drop(policy_outside(&packet), DROP_GROUP);
	}
}

static void pings_are_switchable(void **state)
{
	struct packet packet = packet_to(ZONE_VPN, IPPROTO_ICMP, 0);

	(void)state;
	packet.icmp = ICMP_CLASS_ECHO;
	settings_set((struct settings){.icmp_echo = 0});
	assert_drop(policy_outside(&packet), DROP_ICMP_TYPE);
}

static void other_protocols(void **state)
{
	__u32 proto;

	(void)state;
	for (proto = 0; proto < 256; proto++) {
		struct packet packet = packet_to(ZONE_VPN, proto, 0);

		if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
			assert_drop(policy_outside(&packet), DROP_PROTOCOL);
	}
}

/* UDP with these ports, of one family or the other. */
static struct packet dhcp(__u8 zone, __u16 from, __u16 to, bool v6)
{
	struct packet packet = packet_to(zone, IPPROTO_UDP, to);

	packet.tuple.sport = bpf_htons(from);
	packet.v4 = !v6;
	return packet;
}

static void dhcp_answers(void **state)
{
	static const struct {
		__u16 from, to;
		bool v6, pass;
	} cases[] = {
		{67, 68, false, true},	{67, 68, true, false},	  {546, 547, true, false},
		{547, 546, true, true}, {547, 546, false, false}, {68, 67, false, false},
		{67, 67, false, false}, {68, 68, false, false},	  {547, 547, true, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet packet = dhcp(ZONE_LAN, cases[i].from, cases[i].to, cases[i].v6);

		assert_int_equal(policy_outside(&packet).action,
				 cases[i].pass ? ACTION_PASS : ACTION_DROP);
		packet.to_group = 1; /* to a client that has no address yet */
		assert_int_equal(policy_outside(&packet).action,
				 cases[i].pass ? ACTION_PASS : ACTION_DROP);
		packet.to_group = 0;
		packet.tuple.proto = IPPROTO_TCP;
		assert_int_equal(policy_outside(&packet).action, ACTION_DROP);
	}
}

/* Where the host forwards, it would hand that to the container. */
static void dhcp_answers_are_not_for_a_container(void **state)
{
	struct packet packet = dhcp(ZONE_LAN, 67, 68, false);
	__u32 slot = SLOT;

	(void)state;
	packet.tuple.dst = addr4(10, 0, 3, 2);
	assert_int_equal(policy_outside(&packet).action, ACTION_PASS);
	bpf_map_update_elem(&MAP_CONTAINER_SLOTS, &packet.tuple.dst, &slot, BPF_ANY);
	assert_drop(policy_outside(&packet), DROP_NOT_LOCAL);
}

static void container_asks_the_host(void **state)
{
	struct packet packet = dhcp(ZONE_CONTAINER, 68, 67, false);

	(void)state;
	packet.to_group = 1;
	assert_int_equal(policy_container_to_host(&packet).action, ACTION_PASS);
	packet = dhcp(ZONE_CONTAINER, 546, 547, true);
	packet.to_group = 1;
	assert_int_equal(policy_container_to_host(&packet).action, ACTION_PASS);
	packet = dhcp(ZONE_CONTAINER, 67, 68, false); /* the container is no DHCP server */
	assert_drop(policy_container_to_host(&packet), DROP_TO_HOST);

	packet = packet_to(ZONE_CONTAINER, IPPROTO_ICMP, 0);
	packet.icmp = ICMP_CLASS_ECHO;
	assert_int_equal(policy_container_to_host(&packet).action, ACTION_PASS_LOCAL);
	packet.to_group = 1;
	assert_drop(policy_container_to_host(&packet), DROP_GROUP);
	packet.icmp = ICMP_CLASS_LINK;
	assert_int_equal(policy_container_to_host(&packet).action, ACTION_PASS);

	packet = packet_to(ZONE_CONTAINER, IPPROTO_TCP, 23);
	grant_host_control(true);
	grant_lan(true);
	assert_drop(policy_container_to_host(&packet), DROP_TO_HOST);
}

/* To a server elsewhere it is a packet like any other: the host would route it, past every rule. */
static void container_dhcp_is_for_the_host(void **state)
{
	struct packet packet = dhcp(ZONE_CONTAINER, 68, 67, false);

	(void)state;
	assert_int_equal(policy_container_to_host(&packet).action, ACTION_PASS_LOCAL);
}

static void egress(void **state)
{
	static const struct {
		enum egress egress;
		__u8 out_zone;
		bool internet; /* the destination */
		bool allowed;
	} cases[] = {
		{EGRESS_NONE, ZONE_VPN, true, false},
		{EGRESS_NONE, ZONE_LAN, true, false},
		{EGRESS_ANY, ZONE_VPN, false, true},
		{EGRESS_ANY, ZONE_LAN, false, true},
		{EGRESS_ANY, ZONE_LAN, true, true},
		{EGRESS_INTERNET, ZONE_VPN, true, true},
		{EGRESS_INTERNET, ZONE_LAN, true, true},
		{EGRESS_INTERNET, ZONE_LAN, false, false},
		{EGRESS_VPN, ZONE_VPN, true, true},
		{EGRESS_VPN, ZONE_VPN, false, true},
		{EGRESS_ANY, ZONE_CONTAINER, false, false}, /* another container */
		{EGRESS_INTERNET, ZONE_CONTAINER, true, false},
		{EGRESS_VPN, ZONE_CONTAINER, true, false},
		{EGRESS_VPN, ZONE_LAN, true, false},
		{4, ZONE_VPN, true, false},
	};
	struct decision decision;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet packet = packet_to(ZONE_CONTAINER, IPPROTO_UDP, 53);

		packet.tuple.dst = cases[i].internet ? addr4(8, 8, 8, 8) : addr4(192, 168, 1, 1);
		grant_set(GRANT_EGRESS + SLOT, (struct grant){.gen = 44, .on = cases[i].egress});
		decision = policy_container(&packet, SLOT, cases[i].out_zone);
		if (!cases[i].allowed) {
			assert_drop(decision, DROP_EGRESS);
			continue;
		}
		assert_int_equal(decision.action, ACTION_MASQUERADE);
		assert_int_equal(decision.container, SLOT);
		assert_int_equal(decision.lease.grant, GRANT_EGRESS + SLOT);
		assert_int_equal(decision.lease.gen, 44);
		assert_int_equal(decision.lease.lan_gen, 0);
		assert_drop(policy_container(&packet, SLOT + 1, cases[i].out_zone), DROP_EGRESS);
		assert_drop(policy_container(&packet, 255, cases[i].out_zone), DROP_EGRESS);
	}
}

static void egress_of_what(void **state)
{
	struct packet packet = packet_to(ZONE_CONTAINER, IPPROTO_TCP, 80);

	(void)state;
	grant_set(GRANT_EGRESS + SLOT, (struct grant){.gen = 44, .on = EGRESS_ANY});
	assert_int_equal(policy_container(&packet, SLOT, ZONE_LAN).action, ACTION_MASQUERADE);
	packet.tcp = TCP_SYN | TCP_ACK;
	assert_drop(policy_container(&packet, SLOT, ZONE_LAN), DROP_NO_FLOW);
	packet.tcp = TCP_SYN;
	packet.to_group = 1;
	assert_drop(policy_container(&packet, SLOT, ZONE_LAN), DROP_GROUP);
	packet.to_group = 0;
	packet.v4 = 0;
	assert_drop(policy_container(&packet, SLOT, ZONE_LAN), DROP_IPV6);

	packet = packet_to(ZONE_CONTAINER, IPPROTO_ICMP, 0);
	packet.icmp = ICMP_CLASS_ECHO;
	assert_int_equal(policy_container(&packet, SLOT, ZONE_LAN).action, ACTION_MASQUERADE);
	packet.icmp = ICMP_CLASS_ERROR;
	assert_drop(policy_container(&packet, SLOT, ZONE_LAN), DROP_ICMP_TYPE);
	packet = packet_to(ZONE_CONTAINER, IPPROTO_SCTP, 0);
	assert_drop(policy_container(&packet, SLOT, ZONE_LAN), DROP_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(forwards),
		WORLD_TEST(refusals_name_the_port),
		WORLD_TEST(a_port_is_one_protocols),
		WORLD_TEST(border_ports),
		WORLD_TEST(host_control),
		WORLD_TEST(host_control_wins_over_a_forward),
		WORLD_TEST(tcp_flags),
		WORLD_TEST(icmp_from_outside),
		WORLD_TEST(pings_are_switchable),
		WORLD_TEST(other_protocols),
		WORLD_TEST(dhcp_answers),
		WORLD_TEST(dhcp_answers_are_not_for_a_container),
		WORLD_TEST(container_asks_the_host),
		WORLD_TEST(container_dhcp_is_for_the_host),
		WORLD_TEST(egress),
		WORLD_TEST(egress_of_what),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
