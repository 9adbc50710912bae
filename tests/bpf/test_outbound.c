// SPDX-License-Identifier: GPL-2.0-only
/* What containers open: masqueraded, or refused. */
#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct spec box_syn(const char *dst)
{
	return tcp(BOX_IP, 61000, dst, 443, SYN);
}

static struct talk with_proto(__u8 proto, struct talk talk)
{
	talk.proto = proto;
	if (proto == PROTO_ICMP)
		talk.ends[FLOW_ORIGINAL].dport = talk.ends[FLOW_REPLY].sport = 0;
	return talk;
}

static void a_connection_of_the_container_is_masqueraded_and_its_answers_return(void **state)
{
	const struct talk talks[] = {
		with_proto(PROTO_TCP, talk_outbound(MASQUERADE_LOW)),
		with_proto(PROTO_UDP, talk_outbound(61500)),
		with_proto(PROTO_ICMP, talk_outbound(MASQUERADE_HIGH)),
	};
	static const __u32 lengths[] = {0, 1, 24, 1400};
	struct flow reply;
	size_t i, k;

	(void)state;
	for (i = 0; i < LENGTH(talks); i++) {
		establish(&talks[i]);
		for (k = 0; k < LENGTH(lengths); k++) {
			carries(&talks[i], FLOW_ORIGINAL, ACK_PACKET, .payload = lengths[k]);
			carries(&talks[i], FLOW_REPLY, ANSWER_PACKET, .payload = lengths[k]);
		}
		assert_int_equal(flow_of(&talks[i], FLOWS, FLOW_ORIGINAL).kind, FLOW_OUTBOUND);
		assert_int_equal(flow_of(&talks[i], FLOWS, FLOW_ORIGINAL).out_slot,
				 slot_of(LAN_IN));
		reply = flow_of(&talks[i], FLOWS, FLOW_REPLY);
		assert_int_equal(reply.delivery, DELIVER_CONTAINER);
		assert_int_equal(reply.container, 0);
	}
}

/* Opens, and returns the source port or identifier that it was given. */
static __u16 given_port(enum place place, struct spec spec)
{
	struct outcome outcome = run(place, spec);
	__u32 at = transport_at(&spec) + (spec.proto == PROTO_ICMP ? 4 : 0);

	assert_int_equal(outcome.reason, 0);
	return get16(&outcome.frame, at);
}

static void a_source_port_outside_the_range_is_exchanged_for_one_inside(void **state)
{
	const struct spec packets[] = {
		tcp(BOX_IP, 40000, SERVER, 443, SYN),
		tcp(BOX_IP, MASQUERADE_LOW - 1, SERVER, 443, SYN),
		tcp(BOX_IP, MASQUERADE_HIGH + 1, SERVER, 443, SYN),
		udp(BOX_IP, 0, SERVER, 53),
		icmp(BOX_IP, SERVER, ECHO, 1),
	};
	struct talk talk;
	__u16 port;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(packets); i++)
		assert_in_range(given_port(BOX_IN, packets[i]), MASQUERADE_LOW, MASQUERADE_HIGH);

	port = given_port(BOX_IN, packets[0]);
	talk = talk_outbound(40000);
	talk.ends[FLOW_REPLY].dport = port;
	carries(&talk, FLOW_ORIGINAL, SYN_PACKET); /* the same once more */
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 333);
}

static void a_forwarded_port_is_never_the_masquerades(void **state)
{
	__u16 port;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		grant_set(GRANT_TCP + 61000 + i, ZONE_BIT(ZONE_LAN), 1, 0);
		port = given_port(BOX_IN, tcp(BOX_IP, 61000 + i, SERVER, 443, SYN));
		assert_int_not_equal(port, 61000 + i);
		assert_in_range(port, MASQUERADE_LOW, MASQUERADE_HIGH);
	}
	assert_int_equal(given_port(BOX_IN, udp(BOX_IP, 61000, SERVER, 53)), 61000);
	grant_clear(GRANT_TCP + 61001);
	assert_int_equal(given_port(BOX_IN, tcp(BOX_IP, 61001, SERVER_2, 443, SYN)), 61001);
}

static void two_ports(struct settings *settings)
{
	settings->masquerade_low = 61010;
	settings->masquerade_high = 61011;
}

static void two_containers_share_the_ports_and_none_is_given_twice(void **state)
{
	(void)state;
	settings_edit(two_ports);
	assert_int_equal(given_port(BOX_IN, tcp(BOX_IP, 61010, SERVER, 443, SYN)), 61010);
	assert_int_equal(given_port(SECOND_IN, tcp(SECOND_IP, 61010, SERVER, 443, SYN)), 61011);
	is_dropped(BOX_IN, tcp(BOX_IP, 61012, SERVER, 443, SYN), DROP_NO_PORT);
	/* To another server, or by another protocol, each is free. */
	assert_int_equal(given_port(BOX_IN, tcp(BOX_IP, 61010, SERVER, 444, SYN)), 61010);
	assert_int_equal(given_port(SECOND_IN, udp(SECOND_IP, 61010, SERVER, 443)), 61010);
	assert_int_equal(flow_count(HALF_OPEN), 8);
}

static void a_connection_to_the_vpn_leaves_by_the_vpn(void **state)
{
	struct talk talk = talk_outbound(61000);

	(void)state;
	talk.ends[FLOW_ORIGINAL].dst = EXPERT_IP;
	talk.ends[FLOW_REPLY] = (struct end){VPN_IN, EXPERT_IP, VPN_IP, 443, 61000};
	establish(&talk);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).out_slot, slot_of(VPN_IN));
}

static void a_connection_to_a_vpn_without_link_layer_has_no_link_addresses(void **state)
{
	struct spec in = box_syn(TUN_EXPERT), out = in;

	(void)state;
	out.src = TUN_IP;
	out.ttl = 63;
	out.to = out.from = NOBODY;
	becomes(BOX_IN, in, out);
}

static void a_container_does_not_reach_another(void **state)
{
	(void)state;
	is_dropped(BOX_IN, box_syn(SECOND_IP), DROP_EGRESS);
	is_dropped(BOX_IN, udp(BOX_IP, 61000, SECOND_IP, 53), DROP_EGRESS);
	is_dropped(BOX_IN, icmp(BOX_IP, SECOND_IP, ECHO, 61000), DROP_EGRESS);
	is_dropped(SECOND_IN, tcp(SECOND_IP, 61000, BOX_IP, 22, SYN), DROP_EGRESS);
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, SECOND_IP, 22, ACK), DROP_EGRESS);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void from_route(struct settings *settings)
{
	settings->route_source = 1;
}

static void the_masquerade_takes_the_address_that_the_route_prefers(void **state)
{
	struct spec in = on_link(BOX_IN, box_syn(SERVER_2)), out = in;

	(void)state;
	out.src = LAN_IP;
	out.ttl = 63;
	becomes(BOX_IN, in, out); /* a kernel that does not tell: the interface's own */
	if (!kernel_tells_source())
		skip();
	settings_edit(from_route);
	in.sport = out.sport = 61001;
	out.src = LAN_IP_2;
	becomes(BOX_IN, in, out);
	in.sport = out.sport = 61002;
	in.dst = out.dst = SERVER;
	out.src = LAN_IP;
	becomes(BOX_IN, in, out);
}

static void what_has_no_way_out_is_dropped(void **state)
{
	(void)state;
	is_dropped(BOX_IN, box_syn(UNREACHABLE_IP), DROP_NO_ROUTE);
	is_dropped(BOX_IN, box_syn(UNGUARDED_IP), DROP_NO_ROUTE);
	interface_without_address(LAN_IN);
	is_dropped(BOX_IN, box_syn(SERVER), DROP_NO_ADDRESS);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void a_source_that_is_not_the_containers_is_spoofed(void **state)
{
	static const char *const sources[] = {SECOND_IP, "10.0.3.77", BOX_GATEWAY, LAN_CLIENT,
					      EXPERT_IP, VPN_IP,      LAN_IP,	   "0.0.0.0"};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(sources); i++) {
		trying(sources[i]);
		is_dropped(BOX_IN, tcp(sources[i], 61000, SERVER, 443, SYN), DROP_SPOOFED);
		is_dropped(BOX_IN, tcp(sources[i], 61000, SERVER, 443, ACK), DROP_SPOOFED);
		is_dropped(BOX_IN, udp(sources[i], 61000, EXPERT_IP, 53), DROP_SPOOFED);
		is_dropped(BOX_IN, icmp(sources[i], SERVER, ECHO, 61000), DROP_SPOOFED);
		is_dropped(BOX_IN, icmp(sources[i], BOX_GATEWAY, ECHO, 7), DROP_SPOOFED);
	}
	is_dropped(SECOND_IN, tcp(BOX_IP, 61000, SERVER, 443, SYN), DROP_SPOOFED);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void a_container_cannot_speak_in_a_flow_of_another(void **state)
{
	struct talk forwarded = talk_forward(40000, 22, 22), outbound = talk_outbound(61000);

	(void)state;
	establish(&forwarded);
	establish(&outbound);
	is_dropped(SECOND_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, ACK), DROP_SPOOFED);
	is_dropped(SECOND_IN, tcp(BOX_IP, 61000, SERVER, 443, ACK), DROP_SPOOFED);
}

static void the_container_does_not_reach_the_host(void **state)
{
	static const char *const hosts[] = {BOX_GATEWAY, VPN_IP, LAN_IP,
					    LAN_IP_2,	 TUN_IP, SECOND_GATEWAY};
	static const __u16 ports[] = {22, 23, 53, 80, 2000, 61000};
	size_t i, k;

	(void)state;
	host_control(true);
	lan_access(true);
	for (i = 0; i < LENGTH(hosts); i++) {
		trying(hosts[i]);
		for (k = 0; k < LENGTH(ports); k++) {
			is_dropped(BOX_IN, tcp(BOX_IP, 61000, hosts[i], ports[k], SYN),
				   DROP_TO_HOST);
			is_dropped(BOX_IN, tcp(BOX_IP, 61000, hosts[i], ports[k], ACK),
				   DROP_TO_HOST);
			is_dropped(BOX_IN, udp(BOX_IP, 61000, hosts[i], ports[k]), DROP_TO_HOST);
		}
		is_dropped(BOX_IN, raw_ip(BOX_IP, hosts[i], PROTO_GRE), DROP_TO_HOST);
		is_dropped(BOX_IN, icmp(BOX_IP, hosts[i], REDIRECT, 0), DROP_TO_HOST);
		is_dropped(BOX_IN, icmp(BOX_IP, hosts[i], ECHO_REPLY, 7), DROP_TO_HOST);
	}
	trying("loopback");
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, "127.0.0.1", 23, SYN), DROP_NO_ROUTE);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static struct spec to_all(struct spec spec)
{
	spec.to = EVERYBODY;
	return spec;
}

static void the_containers_dhcp_and_ping_reach_the_host(void **state)
{
	(void)state;
	passes(BOX_IN, to_all(udp("0.0.0.0", 68, "255.255.255.255", 67)));
	passes(BOX_IN, udp(BOX_IP, 68, BOX_GATEWAY, 67));
	passes(BOX_IN, icmp(BOX_IP, BOX_GATEWAY, ECHO, 7));
	passes(BOX_IN, udp("fe80::8", 546, "ff02::1:2", 547));
	passes(BOX_OUT, udp(BOX_GATEWAY, 67, BOX_IP, 68));
	is_dropped(BOX_IN, to_all(udp("0.0.0.0", 67, "255.255.255.255", 68)), DROP_GROUP);
	is_dropped(BOX_IN, to_all(udp(BOX_IP, 5353, "224.0.0.251", 5353)), DROP_GROUP);
	is_dropped(BOX_IN, icmp(BOX_IP, "224.0.0.1", ECHO, 7), DROP_GROUP);
}

static void dhcp_is_for_the_host_alone(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome = run(BOX_IN, udp(BOX_IP, 68, SERVER, 67));
	assert_int_not_equal(outcome.verdict, -1); /* never unmasqueraded to the stack */
	outcome = run(BOX_IN, udp("10.0.3.77", 68, EXPERT_IP, 67));
	assert_int_not_equal(outcome.verdict, -1);
}

static void ipv6_of_the_container_goes_nowhere_yet(void **state)
{
	(void)state;
	is_dropped(BOX_IN, tcp("fd00:3::2", 1, "fd00:9::1", 443, SYN), DROP_IPV6);
	is_dropped(BOX_IN, tcp("fd00:3::2", 1, LAN_IP6, 23, SYN), DROP_TO_HOST);
	is_dropped(BOX_IN, udp("fd00:3::2", 1, VPN_IP6, 53), DROP_TO_HOST);
	is_dropped(BOX_IN, icmp("fd00:3::2", "fd00:9::1", ECHO6, 7), DROP_IPV6);
	passes(BOX_IN, icmp("fe80::8", LAN_IP6, ECHO6, 7));
}

static void a_container_opens_with_a_syn_a_datagram_or_an_echo(void **state)
{
	(void)state;
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, SERVER, 443, ACK), DROP_NO_FLOW);
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, SERVER, 443, SYN | ACK), DROP_NO_FLOW);
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, SERVER, 443, RST), DROP_NO_FLOW);
	is_dropped(BOX_IN, raw_ip(BOX_IP, SERVER, PROTO_GRE), DROP_PROTOCOL);
	is_dropped(BOX_IN, raw_ip(BOX_IP, SERVER, PROTO_SCTP), DROP_PROTOCOL);
	is_dropped(BOX_IN, icmp(BOX_IP, SERVER, ECHO_REPLY, 7), DROP_ICMP_TYPE);
	is_dropped(BOX_IN, icmp(BOX_IP, SERVER, REDIRECT, 0), DROP_ICMP_TYPE);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void an_echo_with_identifier_zero_carries_no_other_message_out(void **state)
{
	(void)state;
	assert_int_equal(run(BOX_IN, icmp(BOX_IP, SERVER, ECHO, 0)).reason, 0);
	is_dropped(BOX_IN, icmp(BOX_IP, SERVER, REDIRECT, 0), DROP_ICMP_TYPE);
	is_dropped(BOX_IN, icmp(BOX_IP, SERVER, ECHO_REPLY, 0), DROP_ICMP_TYPE);
}

static void a_frame_for_another_machine_on_the_containers_link_is_left_alone(void **state)
{
	struct spec spec = box_syn(SERVER);

	(void)state;
	spec.to = STRANGER;
	is_dropped(BOX_IN, spec, DROP_OTHER_HOST);
}

static void a_packet_whose_time_to_live_ends_here_does_not_leave(void **state)
{
	struct spec spec = box_syn(SERVER);

	(void)state;
	spec.ttl = 1;
	is_dropped(BOX_IN, spec, DROP_TTL);
}

static void the_egress_policy_says_where_a_container_may_go(void **state)
{
	static const struct {
		const char *dst;
		bool internet, vpn;
	} cases[] = {
		{SERVER, true, false},	       {"1.1.1.1", true, false},
		{"11.0.0.1", true, false},     {"9.255.255.255", true, false},
		{"172.15.0.1", true, false},   {"172.32.0.1", true, false},
		{"192.167.1.1", true, false},  {"192.169.0.1", true, false},
		{"100.63.0.1", true, false},   {"100.128.0.1", true, false},
		{"223.255.0.1", true, false},  {"198.17.0.1", true, false},
		{"198.20.0.1", true, false},   {"10.9.9.9", false, false},
		{"172.16.0.1", false, false},  {"172.31.255.255", false, false},
		{"192.168.1.1", false, false}, {LAN_CLIENT, false, false},
		{"100.64.0.1", false, false},  {"169.254.1.1", false, false},
		{"192.0.0.1", false, false},   {"198.19.0.1", false, false},
		{"240.0.0.1", false, false},   {EXPERT_IP, false, true},
		{TUN_EXPERT, false, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(cases); i++) {
		struct spec spec = box_syn(cases[i].dst);

		trying(cases[i].dst);
		egress(0, EGRESS_NONE);
		is_dropped(BOX_IN, spec, DROP_EGRESS);
		egress(0, EGRESS_INTERNET);
		if (run(BOX_IN, spec).reason != (cases[i].internet ? 0 : DROP_EGRESS))
			fail_msg("%s, internet only", cases[i].dst);
		spec.sport++;
		egress(0, EGRESS_VPN);
		if (run(BOX_IN, spec).reason != (cases[i].vpn ? 0 : DROP_EGRESS))
			fail_msg("%s, VPN only", cases[i].dst);
		spec.sport++;
		egress(0, EGRESS_ANY);
		if (run(BOX_IN, spec).reason)
			fail_msg("%s, anywhere", cases[i].dst);
	}
}

static void each_container_has_an_egress_policy_of_its_own(void **state)
{
	(void)state;
	egress(0, EGRESS_NONE);
	is_dropped(BOX_IN, box_syn(SERVER), DROP_EGRESS);
	assert_int_equal(run(SECOND_IN, tcp(SECOND_IP, 61000, SERVER, 443, SYN)).reason, 0);
}

int group_outbound(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_connection_of_the_container_is_masqueraded_and_its_answers_return),
		PACKET_TEST(a_source_port_outside_the_range_is_exchanged_for_one_inside),
		PACKET_TEST(a_forwarded_port_is_never_the_masquerades),
		PACKET_TEST(two_containers_share_the_ports_and_none_is_given_twice),
		PACKET_TEST(a_connection_to_the_vpn_leaves_by_the_vpn),
		PACKET_TEST(a_connection_to_a_vpn_without_link_layer_has_no_link_addresses),
		PACKET_TEST(a_container_does_not_reach_another),
		PACKET_TEST(the_masquerade_takes_the_address_that_the_route_prefers),
		PACKET_TEST(what_has_no_way_out_is_dropped),
		PACKET_TEST(a_source_that_is_not_the_containers_is_spoofed),
		PACKET_TEST(a_container_cannot_speak_in_a_flow_of_another),
		PACKET_TEST(the_container_does_not_reach_the_host),
		PACKET_TEST(the_containers_dhcp_and_ping_reach_the_host),
		PACKET_TEST(dhcp_is_for_the_host_alone),
		PACKET_TEST(ipv6_of_the_container_goes_nowhere_yet),
		PACKET_TEST(a_container_opens_with_a_syn_a_datagram_or_an_echo),
		PACKET_TEST(an_echo_with_identifier_zero_carries_no_other_message_out),
		PACKET_TEST(a_frame_for_another_machine_on_the_containers_link_is_left_alone),
		PACKET_TEST(a_packet_whose_time_to_live_ends_here_does_not_leave),
		PACKET_TEST(the_egress_policy_says_where_a_container_may_go),
		PACKET_TEST(each_container_has_an_egress_policy_of_its_own),
	};

	return cmocka_run_group_tests_name("outbound", tests, NULL, NULL);
}
