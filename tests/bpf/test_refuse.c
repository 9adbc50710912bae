// SPDX-License-Identifier: GPL-2.0-only
/* New packets from outside that have no business here: dropped, counted, and no flow is opened. */
#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct refusal {
	const char *what;
	enum place place;
	struct spec packet;
	enum drop_reason reason;
};

static void refuse_all(const struct refusal *cases, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		trying(cases[i].what);
		is_dropped(cases[i].place, cases[i].packet, cases[i].reason);
		assert_int_equal(flow_count(HALF_OPEN), 0);
		assert_int_equal(flow_count(FLOWS), 0);
		assert_int_equal(total(TOTAL_OPENED), 0);
	}
}

static struct spec to(enum station station, struct spec spec)
{
	spec.to = station;
	return spec;
}

static struct spec vpn_syn(const char *dst, __u16 port)
{
	return tcp(EXPERT_IP, 40000, dst, port, SYN);
}

static struct spec lan_syn(const char *dst, __u16 port)
{
	return tcp(LAN_CLIENT, 40000, dst, port, SYN);
}

static void only_an_address_that_the_host_holds_on_the_interface_is_forwarded(void **state)
{
	const struct refusal cases[] = {
		{"another machine", VPN_IN, vpn_syn(VPN_OTHER, 22), DROP_NOT_LOCAL},
		{"another machine, UDP", VPN_IN, udp(EXPERT_IP, 1, VPN_OTHER, 2000),
		 DROP_NOT_LOCAL},
		{"the LAN's address", VPN_IN, vpn_syn(LAN_IP, 22), DROP_NOT_LOCAL},
		{"the VPN's address", LAN_IN, lan_syn(VPN_IP, 22), DROP_NOT_LOCAL},
		{"another LAN's address", LAN_IN, lan_syn(WLAN_IP, 22), DROP_NOT_LOCAL},
		{"the container's link, host side", VPN_IN, vpn_syn(BOX_GATEWAY, 22),
		 DROP_NOT_LOCAL},
		{"a machine on the internet", VPN_IN, vpn_syn(SERVER, 22), DROP_NOT_LOCAL},
		{"no address", VPN_IN, vpn_syn("0.0.0.0", 22), DROP_NOT_LOCAL},
		{"loopback", VPN_IN, vpn_syn("127.0.0.1", 22), DROP_NOT_LOCAL},
		{"loopback", LAN_IN, lan_syn("127.0.0.1", 22), DROP_NOT_LOCAL},
		{"the network's address", VPN_IN, vpn_syn("10.1.0.0", 22), DROP_NOT_LOCAL},
		{"the network's broadcast", VPN_IN, vpn_syn("10.1.0.255", 22), DROP_NOT_LOCAL},
		{"the network's broadcast", LAN_IN, lan_syn("192.168.50.255", 22), DROP_NOT_LOCAL},
		{"UDP to the network's broadcast", LAN_IN,
		 udp(LAN_CLIENT, 1, "192.168.50.255", 2000), DROP_NOT_LOCAL},
	};

	(void)state;
	lan_access(true);
	local_add("192.168.50.255", LOCAL_NOWHERE);
	refuse_all(cases, LENGTH(cases));
}

static void the_containers_own_subnet_cannot_be_reached_from_outside(void **state)
{
	const struct refusal cases[] = {
		{"forwarded port", VPN_IN, vpn_syn(BOX_IP, 22), DROP_NOT_LOCAL},
		{"other port", VPN_IN, vpn_syn(BOX_IP, 443), DROP_PORT_CLOSED},
		{"mapped port", VPN_IN, vpn_syn(BOX_IP, 80), DROP_PORT_CLOSED},
		{"UDP", VPN_IN, udp(EXPERT_IP, 1, BOX_IP, 2000), DROP_NOT_LOCAL},
		{"echo", VPN_IN, icmp(EXPERT_IP, BOX_IP, ECHO, 7), DROP_NOT_LOCAL},
		{"a neighbour of it", VPN_IN, vpn_syn("10.0.3.77", 22), DROP_NOT_LOCAL},
		{"DHCP", VPN_IN, udp(EXPERT_IP, 67, BOX_IP, 68), DROP_NOT_LOCAL},
		{"forwarded port", LAN_IN, lan_syn(BOX_IP, 22), DROP_NOT_LOCAL},
		{"host control", LAN_IN, lan_syn(BOX_GATEWAY, 23), DROP_NOT_LOCAL},
		{"other port", LAN_IN, lan_syn(BOX_IP, 443), DROP_PORT_CLOSED},
		{"UDP", LAN_IN, udp(LAN_CLIENT, 1, BOX_IP, 2000), DROP_NOT_LOCAL},
		{"echo", LAN_IN, icmp(LAN_CLIENT, BOX_IP, ECHO, 7), DROP_NOT_LOCAL},
		{"DHCP", LAN_IN, udp(LAN_CLIENT, 67, BOX_IP, 68), DROP_NOT_LOCAL},
		{"protocol", LAN_IN, raw_ip(LAN_CLIENT, BOX_IP, PROTO_GRE), DROP_PROTOCOL},
	};

	(void)state;
	lan_access(true);
	host_control(true);
	refuse_all(cases, LENGTH(cases));
}

static void a_frame_for_another_machine_is_left_alone(void **state)
{
	const struct refusal cases[] = {
		{"our address", VPN_IN, to(STRANGER, vpn_syn(VPN_IP, 22)), DROP_OTHER_HOST},
		{"their address", VPN_IN, to(STRANGER, vpn_syn(VPN_OTHER, 22)), DROP_OTHER_HOST},
		{"UDP", VPN_IN, to(STRANGER, udp(EXPERT_IP, 1, VPN_IP, 2000)), DROP_OTHER_HOST},
		{"echo", VPN_IN, to(STRANGER, icmp(EXPERT_IP, VPN_IP, ECHO, 7)), DROP_OTHER_HOST},
		{"our LAN address", LAN_IN, to(STRANGER, lan_syn(LAN_IP, 22)), DROP_OTHER_HOST},
		{"host control", LAN_IN, to(STRANGER, lan_syn(LAN_IP, 23)), DROP_OTHER_HOST},
		{"IPv6", LAN_IN, to(STRANGER, tcp(LAN_CLIENT6, 1, LAN_IP6, 23, SYN)),
		 DROP_OTHER_HOST},
		{"DHCP", LAN_IN, to(STRANGER, udp(LAN_ROUTER, 67, LAN_CLIENT, 68)),
		 DROP_OTHER_HOST},
	};

	(void)state;
	lan_access(true);
	host_control(true);
	refuse_all(cases, LENGTH(cases));
}

static void broadcast_and_multicast_never_open_a_flow(void **state)
{
	const struct refusal cases[] = {
		{"a SYN in a broadcast frame", VPN_IN, to(EVERYBODY, vpn_syn(VPN_IP, 22)),
		 DROP_GROUP},
		{"a SYN in a multicast frame", VPN_IN, to(IPV4_GROUP, vpn_syn(VPN_IP, 22)),
		 DROP_GROUP},
		{"a SYN to the broadcast address", VPN_IN, vpn_syn("255.255.255.255", 22),
		 DROP_GROUP},
		{"a SYN to a group", VPN_IN, vpn_syn("224.0.0.1", 22), DROP_GROUP},
		{"the last group", VPN_IN, vpn_syn("239.255.255.255", 22), DROP_GROUP},
		{"broadcast UDP", LAN_IN,
		 to(EVERYBODY, udp(LAN_CLIENT, 1, "255.255.255.255", 2000)), DROP_GROUP},
		{"mDNS", LAN_IN, to(IPV4_GROUP, udp(LAN_CLIENT, 5353, "224.0.0.251", 5353)),
		 DROP_GROUP},
		{"mDNS over IPv6", LAN_IN, to(IPV6_GROUP, udp(LAN_CLIENT6, 5353, "ff02::fb", 5353)),
		 DROP_GROUP},
		{"echo to everybody", LAN_IN,
		 to(EVERYBODY, icmp(LAN_CLIENT, "192.168.50.255", ECHO, 7)), DROP_GROUP},
		{"echo to all nodes", LAN_IN,
		 to(IPV6_GROUP, icmp(LAN_CLIENT6, "ff02::1", ECHO6, 7)), DROP_GROUP},
		{"IGMP", LAN_IN, to(IPV4_GROUP, raw_ip(LAN_CLIENT, "224.0.0.22", PROTO_IGMP)),
		 DROP_GROUP},
		{"host control in a broadcast frame", LAN_IN, to(EVERYBODY, lan_syn(LAN_IP, 23)),
		 DROP_GROUP},
	};

	(void)state;
	lan_access(true);
	host_control(true);
	refuse_all(cases, LENGTH(cases));
}

static void a_port_that_is_not_forwarded_is_closed(void **state)
{
	const struct refusal cases[] = {
		{"tcp 21", VPN_IN, vpn_syn(VPN_IP, 21), DROP_PORT_CLOSED},
		{"tcp 1999", VPN_IN, vpn_syn(VPN_IP, 1999), DROP_PORT_CLOSED},
		{"tcp 2010", VPN_IN, vpn_syn(VPN_IP, 2010), DROP_PORT_CLOSED},
		{"tcp 0", VPN_IN, vpn_syn(VPN_IP, 0), DROP_PORT_CLOSED},
		{"tcp 65535", VPN_IN, vpn_syn(VPN_IP, 65535), DROP_PORT_CLOSED},
		{"the inside of a mapped port", VPN_IN, vpn_syn(VPN_IP, 80), DROP_PORT_CLOSED},
		{"udp 22, where tcp is open", VPN_IN, udp(EXPERT_IP, 1, VPN_IP, 22),
		 DROP_PORT_CLOSED},
		{"tcp 5353, where udp is open", VPN_IN, vpn_syn(VPN_IP, 5353), DROP_PORT_CLOSED},
		{"udp to host control", VPN_IN, udp(EXPERT_IP, 1, VPN_IP, 23), DROP_PORT_CLOSED},
		{"the VPN's own port", LAN_IN, lan_syn(LAN_IP, 2001), DROP_PORT_CLOSED},
		{"tcp 2010 from the LAN", LAN_IN, lan_syn(LAN_IP, 2010), DROP_PORT_CLOSED},
	};

	(void)state;
	lan_access(true);
	host_control(true);
	refuse_all(cases, LENGTH(cases));
}

static void by_default_the_lan_reaches_nothing(void **state)
{
	const struct refusal cases[] = {
		{"a forwarded port", LAN_IN, lan_syn(LAN_IP, 22), DROP_LAN_OFF},
		{"a mapped port", LAN_IN, lan_syn(LAN_IP, 8080), DROP_LAN_OFF},
		{"UDP", LAN_IN, udp(LAN_CLIENT, 1, LAN_IP, 2000), DROP_LAN_OFF},
		{"another LAN", WLAN_IN, tcp("192.168.60.7", 1, WLAN_IP, 22, SYN), DROP_LAN_OFF},
		{"host control", LAN_IN, lan_syn(LAN_IP, 23), DROP_HOST_CONTROL_OFF},
		{"a closed port", LAN_IN, lan_syn(LAN_IP, 80), DROP_PORT_CLOSED},
	};

	(void)state;
	refuse_all(cases, LENGTH(cases));
	assert_int_equal(port_counts(GRANT_TCP + 22).refused, 2);
	assert_int_equal(port_counts(GRANT_TCP + 80).refused, 0);
}

static void a_tcp_packet_that_is_no_syn_opens_nothing(void **state)
{
	static const __u8 flags[] = {
		0,	   ACK,	      FIN,
		RST,	   SYN | ACK, SYN | FIN,
		SYN | RST, FIN | ACK, PSH | URG | FIN,
		RST | ACK, PSH,	      SYN | ACK | FIN | RST,
	};
	size_t i;

	(void)state;
	lan_access(true);
	host_control(true);
	for (i = 0; i < sizeof(flags); i++) {
		const struct refusal cases[] = {
			{"forwarded port", VPN_IN, tcp(EXPERT_IP, 1, VPN_IP, 22, flags[i]),
			 DROP_NO_FLOW},
			{"host control", VPN_IN, tcp(EXPERT_IP, 1, VPN_IP, 23, flags[i]),
			 DROP_NO_FLOW},
			{"from the LAN", LAN_IN, tcp(LAN_CLIENT, 1, LAN_IP, 22, flags[i]),
			 DROP_NO_FLOW},
			{"closed port", LAN_IN, tcp(LAN_CLIENT, 1, LAN_IP, 80, flags[i]),
			 DROP_NO_FLOW},
		};
		refuse_all(cases, LENGTH(cases));
	}
}

static void other_transport_protocols_are_not_let_in(void **state)
{
	static const __u8 protocols[] = {0,  PROTO_IGMP, 4,   41,	  PROTO_GRE, 50,
					 51, 103,	 112, PROTO_SCTP, 136,	     255};
	size_t i;

	(void)state;
	lan_access(true);
	for (i = 0; i < sizeof(protocols); i++) {
		is_dropped(VPN_IN, raw_ip(EXPERT_IP, VPN_IP, protocols[i]), DROP_PROTOCOL);
		is_dropped(LAN_IN, raw_ip(LAN_CLIENT, LAN_IP, protocols[i]), DROP_PROTOCOL);
	}
	is_dropped(LAN_IN, raw_ip(LAN_CLIENT, LAN_IP, PROTO_ICMPV6), DROP_PROTOCOL);
	is_dropped(LAN_IN, raw_ip(LAN_CLIENT6, LAN_IP6, PROTO_ICMP), DROP_PROTOCOL);
	is_dropped(LAN_IN, raw_ip(LAN_CLIENT6, LAN_IP6, PROTO_GRE), DROP_PROTOCOL);
	is_dropped(LAN_IN, raw_ip(LAN_CLIENT6, LAN_IP6, 59), DROP_PROTOCOL); /* none at all */
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void icmp_that_nobody_asked_for_is_dropped(void **state)
{
	static const __u8 types[] = {ECHO_REPLY, 4, REDIRECT, 9, 10, 13, 14, 17, 18, 40, 255};
	static const __u8 types6[] = {ECHO6_REPLY, 0, 100, 127, 138, 139, 140, 200, 255};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types); i++) {
		is_dropped(VPN_IN, icmp(EXPERT_IP, VPN_IP, types[i], 7), DROP_ICMP_TYPE);
		is_dropped(LAN_IN, icmp(LAN_CLIENT, LAN_IP, types[i], 0), DROP_ICMP_TYPE);
	}
	for (i = 0; i < sizeof(types6); i++)
		is_dropped(LAN_IN, icmp(LAN_CLIENT6, LAN_IP6, types6[i], 7), DROP_ICMP_TYPE);
}

static void ipv6_is_closed_as_ipv4_is(void **state)
{
	const struct refusal cases[] = {
		{"tcp 22", VPN_IN, tcp(EXPERT_IP6, 1, VPN_IP6, 22, SYN), DROP_IPV6},
		{"udp 2000", VPN_IN, udp(EXPERT_IP6, 1, VPN_IP6, 2000), DROP_IPV6},
		{"tcp 21", VPN_IN, tcp(EXPERT_IP6, 1, VPN_IP6, 21, SYN), DROP_PORT_CLOSED},
		{"host control", VPN_IN, tcp(EXPERT_IP6, 1, VPN_IP6, 23, SYN),
		 DROP_HOST_CONTROL_OFF},
		{"tcp 22", LAN_IN, tcp(LAN_CLIENT6, 1, LAN_IP6, 22, SYN), DROP_LAN_OFF},
		{"host control", LAN_IN, tcp(LAN_CLIENT6, 1, LAN_IP6, 23, SYN),
		 DROP_HOST_CONTROL_OFF},
		{"no SYN", LAN_IN, tcp(LAN_CLIENT6, 1, LAN_IP6, 23, ACK), DROP_NO_FLOW},
		{"echo to no address of ours", LAN_IN, icmp(LAN_CLIENT6, "fe80::99", ECHO6, 7),
		 DROP_NOT_LOCAL},
		{"echo to the VPN's address", LAN_IN, icmp(LAN_CLIENT6, VPN_IP6, ECHO6, 7),
		 DROP_NOT_LOCAL},
	};

	(void)state;
	refuse_all(cases, LENGTH(cases));
}

static void a_door_whose_time_has_run_out_is_closed(void **state)
{
	(void)state;
	lan_access(true);
	host_control(true);
	grant_expires(GRANT_TCP + 22, 1);
	grant_expires(GRANT_HOST_CONTROL, 1);
	is_dropped(VPN_IN, vpn_syn(VPN_IP, 22), DROP_PORT_CLOSED);
	is_dropped(VPN_IN, vpn_syn(VPN_IP, 23), DROP_HOST_CONTROL_OFF);
	grant_expires(GRANT_LAN, 1);
	is_dropped(LAN_IN, lan_syn(LAN_IP, 2000), DROP_LAN_OFF);
	grant_expires(GRANT_LAN, boottime_now() + 3600ULL * 1000000000);
	assert_int_equal(run(LAN_IN, lan_syn(LAN_IP, 2000)).reason, 0);
}

int group_refuse(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(only_an_address_that_the_host_holds_on_the_interface_is_forwarded),
		PACKET_TEST(the_containers_own_subnet_cannot_be_reached_from_outside),
		PACKET_TEST(a_frame_for_another_machine_is_left_alone),
		PACKET_TEST(broadcast_and_multicast_never_open_a_flow),
		PACKET_TEST(a_port_that_is_not_forwarded_is_closed),
		PACKET_TEST(by_default_the_lan_reaches_nothing),
		PACKET_TEST(a_tcp_packet_that_is_no_syn_opens_nothing),
		PACKET_TEST(other_transport_protocols_are_not_let_in),
		PACKET_TEST(icmp_that_nobody_asked_for_is_dropped),
		PACKET_TEST(ipv6_is_closed_as_ipv4_is),
		PACKET_TEST(a_door_whose_time_has_run_out_is_closed),
	};

	return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
