// SPDX-License-Identifier: GPL-2.0-only
/* What is for the host itself: its own connections, host control, and how the link works. */
#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct spec to(enum station station, struct spec spec)
{
	spec.to = station;
	return spec;
}

static struct spec with_ttl(__u8 ttl, struct spec spec)
{
	spec.ttl = ttl;
	return spec;
}

static void a_connection_of_the_host_gets_its_answers(void **state)
{
	struct talk talk = talk_host(PROTO_TCP, 45000, 443);

	(void)state;
	establish(&talk);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 1000);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).kind, FLOW_HOST);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).delivery, DELIVER_STACK);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).packets, 3);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).packets, 2);
	assert_int_equal(total(TOTAL_OPENED), 1);
	assert_int_equal(total(TOTAL_ESTABLISHED), 1);
}

static void the_hosts_udp_and_echo_get_their_answers_and_nobody_elses(void **state)
{
	struct talk dns = talk_host(PROTO_UDP, 45000, 53);
	struct talk ping = talk_host(PROTO_ICMP, 0x1234, 0);

	(void)state;
	cuts(&dns, FLOW_REPLY, DROP_PORT_CLOSED, .payload = 24);
	cuts(&ping, FLOW_REPLY, DROP_ICMP_TYPE, .payload = 24);
	establish(&dns);
	establish(&ping);
	is_dropped(LAN_IN, udp(LAN_CLIENT, 53, LAN_IP, 45000), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(SERVER, 54, LAN_IP, 45000), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(SERVER, 53, LAN_IP, 45001), DROP_PORT_CLOSED);
	is_dropped(VPN_IN, udp(SERVER, 53, LAN_IP, 45000), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, icmp(SERVER, LAN_IP, ECHO_REPLY, 0x1235), DROP_ICMP_TYPE);
	is_dropped(LAN_IN, icmp(LAN_CLIENT, LAN_IP, ECHO_REPLY, 0x1234), DROP_ICMP_TYPE);
}

static void the_hosts_ipv6_gets_its_answers(void **state)
{
	struct talk talk = talk_host(PROTO_TCP, 45000, 443);

	(void)state;
	talk.ends[FLOW_ORIGINAL].src = talk.ends[FLOW_REPLY].dst = LAN_IP6;
	talk.ends[FLOW_ORIGINAL].dst = talk.ends[FLOW_REPLY].src = "fd00:9::1";
	establish(&talk);
	passes(LAN_OUT, icmp(LAN_IP6, LAN_CLIENT6, ECHO6, 9));
	passes(LAN_IN, icmp(LAN_CLIENT6, LAN_IP6, ECHO6_REPLY, 9));
	is_dropped(LAN_IN, icmp(LAN_CLIENT6, LAN_IP6, ECHO6_REPLY, 8), DROP_ICMP_TYPE);
}

static void a_connection_over_the_vpn_and_to_the_container_gets_its_answers(void **state)
{
	struct talk talks[] = {talk_host(PROTO_TCP, 45000, 443), talk_host(PROTO_TCP, 45000, 22)};
	size_t i;

	(void)state;
	talks[0].ends[FLOW_ORIGINAL] = (struct end){VPN_OUT, VPN_IP, EXPERT_IP, 45000, 443};
	talks[0].ends[FLOW_REPLY] = (struct end){VPN_IN, EXPERT_IP, VPN_IP, 443, 45000};
	talks[1].ends[FLOW_ORIGINAL] = (struct end){BOX_OUT, BOX_GATEWAY, BOX_IP, 45000, 22};
	talks[1].ends[FLOW_REPLY] = (struct end){BOX_IN, BOX_IP, BOX_GATEWAY, 22, 45000};
	for (i = 0; i < LENGTH(talks); i++)
		establish(&talks[i]);
}

static void what_the_host_sends_without_opening_is_not_remembered(void **state)
{
	struct spec fragment = udp(LAN_IP, 45000, SERVER, 53);
	const struct spec packets[] = {
		tcp(LAN_IP, 45000, SERVER, 443, ACK),
		tcp(LAN_IP, 23, SERVER, 443, SYN | ACK),
		tcp(LAN_IP, 45000, SERVER, 443, RST),
		icmp(LAN_IP, SERVER, ECHO_REPLY, 7),
		raw_ip(LAN_IP, SERVER, PROTO_GRE),
		udp(LAN_IP, 5353, "224.0.0.251", 5353),
		to(EVERYBODY, udp(LAN_IP, 68, "255.255.255.255", 67)),
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(packets); i++)
		passes(LAN_OUT, packets[i]);
	fragment.fragment = 0x2000;
	passes(LAN_OUT, fragment);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	assert_int_equal(flow_count(FLOWS), 0);
}

static void host_control_is_refused_until_it_is_on(void **state)
{
	struct talk vpn = talk_to_host(VPN_IN, 40000), lan = talk_to_host(LAN_IN, 40000);

	(void)state;
	cuts(&vpn, FLOW_ORIGINAL, DROP_HOST_CONTROL_OFF, SYN_PACKET);
	cuts(&lan, FLOW_ORIGINAL, DROP_HOST_CONTROL_OFF, SYN_PACKET);
	lan_access(true);
	cuts(&lan, FLOW_ORIGINAL, DROP_HOST_CONTROL_OFF, SYN_PACKET);
	cuts(&vpn, FLOW_ORIGINAL, DROP_HOST_CONTROL_OFF, SYN_PACKET);
	lan_access(false);
	host_control(true);
	cuts(&lan, FLOW_ORIGINAL, DROP_LAN_OFF, SYN_PACKET);
	establish(&vpn);
	lan_access(true);
	establish(&lan);
	assert_int_equal(flow_of(&lan, FLOWS, FLOW_ORIGINAL).kind, FLOW_HOST);
	assert_int_equal(flow_of(&lan, FLOWS, FLOW_ORIGINAL).lease.grant, GRANT_HOST_CONTROL);
	assert_int_equal(port_counts(GRANT_HOST_CONTROL).opened, 2);
	assert_int_equal(port_counts(GRANT_HOST_CONTROL).refused, 1);
}

static void host_control_is_only_at_the_hosts_address_on_the_interface(void **state)
{
	(void)state;
	host_control(true);
	lan_access(true);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, VPN_OTHER, 23, SYN), DROP_NOT_LOCAL);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, LAN_IP, 23, SYN), DROP_NOT_LOCAL);
	is_dropped(LAN_IN, tcp(LAN_CLIENT, 1, VPN_IP, 23, SYN), DROP_NOT_LOCAL);
	is_dropped(LAN_IN, tcp(LAN_CLIENT6, 1, VPN_IP6, 23, SYN), DROP_NOT_LOCAL);
	is_dropped(LAN_IN, tcp(LAN_CLIENT6, 1, "fe80::99", 23, SYN), DROP_NOT_LOCAL);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void host_control_over_ipv6_is_one_door_with_ipv4(void **state)
{
	const struct spec vpn = tcp(EXPERT_IP6, 1, VPN_IP6, 23, SYN);
	const struct spec lan = tcp(LAN_CLIENT6, 1, LAN_IP6, 23, SYN);

	(void)state;
	is_dropped(VPN_IN, vpn, DROP_HOST_CONTROL_OFF);
	host_control(true);
	passes(VPN_IN, vpn);
	is_dropped(LAN_IN, lan, DROP_LAN_OFF);
	lan_access(true);
	passes(LAN_IN, lan);
}

static void another_port(struct settings *settings)
{
	settings->host_control_port = 1023;
}

static void the_host_control_port_is_configurable(void **state)
{
	(void)state;
	host_control(true);
	settings_edit(another_port);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, VPN_IP, 23, SYN), DROP_PORT_CLOSED);
	passes(VPN_IN, tcp(EXPERT_IP, 1, VPN_IP, 1023, SYN));
}

static void no_echo(struct settings *settings)
{
	settings->icmp_echo = 0;
}

static void the_host_answers_a_ping_at_its_own_address(void **state)
{
	const struct {
		enum place place;
		struct spec packet;
	} cases[] = {
		{VPN_IN, icmp(EXPERT_IP, VPN_IP, ECHO, 7)},
		{VPN_IN, icmp(EXPERT_IP, VPN_IP_2, ECHO, 7)},
		{LAN_IN, icmp(LAN_CLIENT, LAN_IP, ECHO, 7)},
		{VPN_IN, icmp(EXPERT_IP6, VPN_IP6, ECHO6, 7)},
		{LAN_IN, icmp(LAN_CLIENT6, LAN_IP6, ECHO6, 7)},
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(cases); i++)
		passes(cases[i].place, cases[i].packet);
	is_dropped(VPN_IN, icmp(EXPERT_IP, VPN_OTHER, ECHO, 7), DROP_NOT_LOCAL);
	is_dropped(VPN_IN, icmp(EXPERT_IP, LAN_IP, ECHO, 7), DROP_NOT_LOCAL);
	settings_edit(no_echo);
	for (i = 0; i < LENGTH(cases); i++)
		is_dropped(cases[i].place, cases[i].packet, DROP_ICMP_TYPE);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void neighbour_discovery_passes_from_the_link_alone(void **state)
{
	__u8 type;

	(void)state;
	for (type = 133; type <= 137; type++) {
		struct spec packet = icmp(LAN_CLIENT6, "ff02::1", type, 0);

		passes(LAN_IN, with_ttl(255, to(IPV6_GROUP, packet)));
		is_dropped(LAN_IN, with_ttl(254, to(IPV6_GROUP, packet)), DROP_GROUP);
		is_dropped(LAN_IN, with_ttl(1, to(IPV6_GROUP, packet)), DROP_GROUP);
		packet.dst = LAN_IP6;
		passes(LAN_IN, with_ttl(255, packet));
		passes(VPN_IN, with_ttl(255, packet));
		passes(BOX_IN, with_ttl(255, packet));
		is_dropped(LAN_IN, with_ttl(254, packet), DROP_ICMP_TYPE);
	}
}

static void multicast_listener_messages_pass(void **state)
{
	static const __u8 types[] = {130, 131, 132, 143};
	static const __u8 hop_by_hop[] = {0};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(types); i++) {
		struct spec packet = icmp(LAN_CLIENT6, "ff02::16", types[i], 0);

		passes(LAN_IN, with_ttl(1, to(IPV6_GROUP, packet)));
		packet.extensions = hop_by_hop;
		packet.extension_count = 1;
		passes(LAN_IN, with_ttl(1, to(IPV6_GROUP, packet)));
		passes(BOX_IN, with_ttl(1, to(IPV6_GROUP, packet)));
	}
}

static void what_answers_a_dhcp_client_passes(void **state)
{
	(void)state;
	passes(LAN_IN, udp(LAN_ROUTER, 67, LAN_IP, 68));
	passes(LAN_IN, udp(LAN_ROUTER, 67, "192.168.50.123", 68)); /* offered, not held yet */
	passes(LAN_IN, to(EVERYBODY, udp(LAN_ROUTER, 67, "255.255.255.255", 68)));
	passes(VPN_IN, udp(EXPERT_IP, 67, VPN_IP, 68));
	passes(LAN_IN, udp(LAN_CLIENT6, 547, LAN_IP6, 546));
	is_dropped(LAN_IN, udp(LAN_ROUTER, 68, LAN_IP, 67), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_ROUTER, 67, LAN_IP, 69), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_ROUTER, 66, LAN_IP, 68), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_CLIENT6, 546, LAN_IP6, 547), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_CLIENT6, 67, LAN_IP6, 68), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_ROUTER, 547, LAN_IP, 546), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, tcp(LAN_ROUTER, 67, LAN_IP, 68, SYN), DROP_PORT_CLOSED);
}

static struct spec error_about(const struct spec *subject, const char *from, __u8 type)
{
	struct spec spec = icmp(from, subject->src, type, 0);

	spec.payload = 0;
	spec.quoted = subject;
	return spec;
}

static void an_icmp_error_about_a_connection_of_the_host_passes(void **state)
{
	const struct talk talks[] = {talk_host(PROTO_TCP, 45000, 443),
				     talk_host(PROTO_UDP, 45001, 53),
				     talk_host(PROTO_ICMP, 0x1234, 0)};
	static const __u8 types[] = {UNREACHABLE, 11, 12};
	size_t i, k;

	(void)state;
	for (i = 0; i < LENGTH(talks); i++) {
		struct spec sent = said(&talks[i], FLOW_ORIGINAL, (struct spec){SYN_PACKET});

		for (k = 0; k < LENGTH(types); k++)
			is_dropped(LAN_IN, error_about(&sent, LAN_ROUTER, types[k]),
				   DROP_ICMP_ERROR);
		opens(&talks[i], SYN_PACKET);
		for (k = 0; k < LENGTH(types); k++)
			passes(LAN_IN, error_about(&sent, LAN_ROUTER, types[k]));
		is_dropped(VPN_IN, error_about(&sent, LAN_ROUTER, UNREACHABLE), DROP_ICMP_ERROR);
		sent.dst = LAN_CLIENT;
		is_dropped(LAN_IN, error_about(&sent, LAN_ROUTER, UNREACHABLE), DROP_ICMP_ERROR);
	}
}

static void an_icmp6_error_about_a_connection_of_the_host_passes(void **state)
{
	struct spec sent = tcp(LAN_IP6, 45000, "fd00:9::1", 443, SYN);
	__u8 type;

	(void)state;
	for (type = 1; type <= 4; type++)
		is_dropped(LAN_IN, error_about(&sent, LAN_CLIENT6, type), DROP_ICMP_ERROR);
	passes(LAN_OUT, sent);
	for (type = 1; type <= 4; type++)
		passes(LAN_IN, error_about(&sent, LAN_CLIENT6, type));
}

static void an_icmp_error_about_no_connection_of_the_host_is_dropped(void **state)
{
	struct talk forwarded = talk_forward(40000, 22, 22);
	struct talk control = talk_to_host(VPN_IN, 40000);
	struct spec sent = heard(&forwarded, FLOW_REPLY, (struct spec){ANSWER_PACKET});
	struct spec cut = on_link(LAN_IN, icmp(LAN_ROUTER, LAN_IP, UNREACHABLE, 0));

	(void)state;
	establish(&forwarded);
	is_dropped(VPN_IN, error_about(&sent, EXPERT_IP, UNREACHABLE), DROP_ICMP_ERROR);
	cut.payload = 27; /* one byte short of a subject */
	is_dropped(LAN_IN, cut, DROP_ICMP_ERROR);

	host_control(true);
	establish(&control);
	sent = said(&control, FLOW_REPLY, (struct spec){ANSWER_PACKET});
	passes(VPN_IN, error_about(&sent, EXPERT_IP, UNREACHABLE));
	host_control(false);
	is_dropped(VPN_IN, error_about(&sent, EXPERT_IP, UNREACHABLE), DROP_ICMP_ERROR);
}

/* An identifier of 0 is as good as any: the echo's key must not be that of other messages. */
static void a_ping_with_identifier_zero_lets_no_other_message_in(void **state)
{
	(void)state;
	settings_edit(no_echo);
	passes(LAN_OUT, icmp(LAN_IP, LAN_ROUTER, ECHO, 0));
	passes(LAN_IN, icmp(LAN_ROUTER, LAN_IP, ECHO_REPLY, 0));
	is_dropped(LAN_IN, icmp(LAN_ROUTER, LAN_IP, ECHO, 0), DROP_ICMP_TYPE);
	is_dropped(LAN_IN, icmp(LAN_ROUTER, LAN_IP, REDIRECT, 0), DROP_ICMP_TYPE);
	is_dropped(LAN_IN, icmp(LAN_ROUTER, LAN_IP, 13, 0), DROP_ICMP_TYPE);
}

int group_host(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_connection_of_the_host_gets_its_answers),
		PACKET_TEST(the_hosts_udp_and_echo_get_their_answers_and_nobody_elses),
		PACKET_TEST(the_hosts_ipv6_gets_its_answers),
		PACKET_TEST(a_connection_over_the_vpn_and_to_the_container_gets_its_answers),
		PACKET_TEST(what_the_host_sends_without_opening_is_not_remembered),
		PACKET_TEST(host_control_is_refused_until_it_is_on),
		PACKET_TEST(host_control_is_only_at_the_hosts_address_on_the_interface),
		PACKET_TEST(host_control_over_ipv6_is_one_door_with_ipv4),
		PACKET_TEST(the_host_control_port_is_configurable),
		PACKET_TEST(the_host_answers_a_ping_at_its_own_address),
		PACKET_TEST(neighbour_discovery_passes_from_the_link_alone),
		PACKET_TEST(multicast_listener_messages_pass),
		PACKET_TEST(what_answers_a_dhcp_client_passes),
		PACKET_TEST(an_icmp_error_about_a_connection_of_the_host_passes),
		PACKET_TEST(an_icmp6_error_about_a_connection_of_the_host_passes),
		PACKET_TEST(an_icmp_error_about_no_connection_of_the_host_is_dropped),
		PACKET_TEST(a_ping_with_identifier_zero_lets_no_other_message_in),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
