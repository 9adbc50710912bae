// SPDX-License-Identifier: GPL-2.0-only
/* Connections that look alike are kept apart, or the later one is refused. */
#include "groups.h"
#include "talk.h"

static void a_packet_of_the_lan_matches_no_flow_of_the_vpn(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct spec data = tcp(EXPERT_IP, 40000, VPN_IP, 22, ACK);

	(void)state;
	establish(&talk);
	is_dropped(LAN_IN, data, DROP_NO_FLOW);
	is_dropped(WLAN_IN, data, DROP_NO_FLOW);
	lan_access(true);
	is_dropped(LAN_IN, data, DROP_NO_FLOW);
	is_dropped(LAN_IN, tcp(EXPERT_IP, 40000, VPN_IP, 22, SYN), DROP_NOT_LOCAL);
	is_dropped(LAN_IN, tcp(EXPERT_IP, 40000, VPN_IP, 22, RST), DROP_NO_FLOW);
	is_dropped(BOX_IN, data, DROP_SPOOFED);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).packets, 2);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
}

static void a_packet_of_the_vpn_matches_no_flow_of_the_lan(void **state)
{
	struct talk lan = talk_lan_forward(40000, 22, 22);
	struct talk own = talk_host(PROTO_UDP, 45000, 53);

	(void)state;
	lan_access(true);
	establish(&lan);
	establish(&own);
	is_dropped(VPN_IN, tcp(LAN_CLIENT, 40000, LAN_IP, 22, ACK), DROP_NO_FLOW);
	is_dropped(VPN_IN, udp(SERVER, 53, LAN_IP, 45000), DROP_PORT_CLOSED);
	is_dropped(BOX_IN, udp(SERVER, 53, LAN_IP, 45000), DROP_SPOOFED);
}

static void an_answer_on_another_interface_is_not_the_containers(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	is_dropped(VPN_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, ACK), DROP_NO_FLOW);
	is_dropped(LAN_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, ACK), DROP_NO_FLOW);
}

/* The same client port to another address of the host: the container could not tell them apart. */
static struct talk twin_of(struct talk talk)
{
	talk.ends[FLOW_ORIGINAL].dst = VPN_IP_2;
	return talk;
}

static void a_client_tuple_that_is_in_use_is_refused_and_its_owner_unaffected(void **state)
{
	struct talk first = talk_forward(40000, 22, 22), second = twin_of(first);

	(void)state;
	opens(&first, SYN_PACKET);
	cuts(&second, FLOW_ORIGINAL, DROP_TUPLE_TAKEN, SYN_PACKET);
	carries(&first, FLOW_REPLY, SYN_ACK_PACKET);
	cuts(&second, FLOW_ORIGINAL, DROP_TUPLE_TAKEN, SYN_PACKET);
	carries(&first, FLOW_ORIGINAL, ACK_PACKET);
	cuts(&second, FLOW_ORIGINAL, DROP_TUPLE_TAKEN, SYN_PACKET);
	carries(&first, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&first, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
	assert_int_equal(flow_count(FLOWS), 2);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	assert_int_equal(total(TOTAL_OPENED), 1);
	assert_int_equal(port_counts(GRANT_TCP + 22).opened, 1);
}

static void a_tuple_is_taken_across_ports_and_zones_too(void **state)
{
	struct talk mapped = talk_forward(40000, 8080, 80);

	(void)state;
	lan_access(true);
	grant_set(GRANT_TCP + 80, ZONE_BIT(ZONE_VPN), 80, 0);
	establish(&mapped);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 40000, VPN_IP, 80, SYN), DROP_TUPLE_TAKEN);
	is_dropped(LAN_IN, tcp(EXPERT_IP, 40000, LAN_IP, 8080, SYN), DROP_TUPLE_TAKEN);
	carries(&mapped, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
}

static void the_tuple_of_an_ended_or_revoked_flow_is_free(void **state)
{
	struct talk first = talk_forward(40000, 22, 22), second = twin_of(first);

	(void)state;
	establish(&first);
	carries(&first, FLOW_REPLY, .flags = RST);
	establish(&second);
	assert_int_equal(flow_count(FLOWS), 2);
	carries(&second, FLOW_REPLY, ANSWER_PACKET, .payload = 10);

	runner_reset(state);
	establish(&first);
	grant_set(GRANT_TCP + 22, ZONE_BIT(ZONE_VPN), 22, 0);
	establish(&second);
}

static void alike_but_for_one_field_are_two_connections(void **state)
{
	struct talk talks[] = {
		talk_forward(40000, 22, 22),	 talk_forward(40001, 22, 22),
		talk_forward(40000, 2000, 2000), talk_forward(40000, 2000, 2000),
		talk_forward(40000, 22, 22),
	};
	size_t i;

	(void)state;
	talks[3].proto = PROTO_UDP;
	talks[4].ends[FLOW_ORIGINAL].src = talks[4].ends[FLOW_REPLY].dst = "10.1.0.8";
	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		establish(&talks[i]);
	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		carries(&talks[i], FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
		carries(&talks[i], FLOW_REPLY, ANSWER_PACKET, .payload = 10);
	}
	assert_int_equal(flow_count(FLOWS), 10);
}

int group_tuples(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_packet_of_the_lan_matches_no_flow_of_the_vpn),
		PACKET_TEST(a_packet_of_the_vpn_matches_no_flow_of_the_lan),
		PACKET_TEST(an_answer_on_another_interface_is_not_the_containers),
		PACKET_TEST(a_client_tuple_that_is_in_use_is_refused_and_its_owner_unaffected),
		PACKET_TEST(a_tuple_is_taken_across_ports_and_zones_too),
		PACKET_TEST(the_tuple_of_an_ended_or_revoked_flow_is_free),
		PACKET_TEST(alike_but_for_one_field_are_two_connections),
	};

	return cmocka_run_group_tests_name("tuples", tests, NULL, NULL);
}
