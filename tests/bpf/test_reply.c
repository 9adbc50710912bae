// SPDX-License-Identifier: GPL-2.0-only
/* What the container answers, and what is recorded of both directions. */
#include "groups.h"
#include "talk.h"

static void a_reply_leaves_by_the_clients_interface_to_the_clients_link_address(void **state)
{
	struct talk talk = talk_forward(40000, 8080, 80);

	(void)state;
	talk.opener = STRANGER;
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 99);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).out_slot, slot_of(VPN_IN));
}

static void the_third_packet_moves_the_flow_into_the_flow_table(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 0);
	assert_int_equal(flow_count(HALF_OPEN), 2);
	assert_int_equal(total(TOTAL_ESTABLISHED), 0);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 2);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	assert_int_equal(total(TOTAL_ESTABLISHED), 1);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).timeout,
			 timeouts_used()->tcp_established);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).timeout,
			 timeouts_used()->tcp_established);
}

static void the_first_answer_moves_a_udp_flow_into_the_flow_table(void **state)
{
	struct talk talk = talk_forward(40000, 5353, 53);

	(void)state;
	talk.proto = PROTO_UDP;
	opens(&talk, .payload = 24);
	carries(&talk, FLOW_ORIGINAL, .payload = 25);
	assert_int_equal(flow_count(HALF_OPEN), 2);
	assert_int_equal(flow_count(FLOWS), 0);
	carries(&talk, FLOW_REPLY, .payload = 300);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).timeout, timeouts_used()->udp);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).packets, 2);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).packets, 1);
}

static void each_direction_counts_its_own_packets_and_bytes(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct flow original, reply;

	(void)state;
	establish(&talk);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 100);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 1000);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 7);
	original = flow_of(&talk, FLOWS, FLOW_ORIGINAL);
	reply = flow_of(&talk, FLOWS, FLOW_REPLY);
	assert_int_equal(original.packets, 3); /* SYN, ACK, data */
	assert_int_equal(original.bytes, 3 * (IPV4_LENGTH + TCP_LENGTH) + 100);
	assert_int_equal(reply.packets, 3); /* SYN and ACK in one, data twice */
	assert_int_equal(reply.bytes, 3 * (IPV4_LENGTH + TCP_LENGTH) + 1007);
}

static void a_dropped_packet_is_not_counted_as_carried(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	cuts(&talk, FLOW_ORIGINAL, DROP_TTL, ACK_PACKET, .ttl = 1);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).packets, 2);
}

static __u64 earlier;

static void stamp_earlier(struct flow *flow)
{
	flow->seen = earlier;
}

static void a_packet_renews_the_stamp_of_its_direction_alone(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	__u64 before = jiffies_now();

	(void)state;
	establish(&talk);
	earlier = before - 100;
	flows_edit(&talk, FLOWS, stamp_earlier);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET);
	assert_in_range(flow_of(&talk, FLOWS, FLOW_REPLY).seen, before, jiffies_now());
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).seen, earlier);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	assert_in_range(flow_of(&talk, FLOWS, FLOW_ORIGINAL).seen, before, jiffies_now());
}

static void a_container_port_that_answers_nobody_is_dropped(void **state)
{
	(void)state;
	is_dropped(BOX_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, SYN | ACK), DROP_NO_FLOW);
	is_dropped(BOX_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, ACK), DROP_NO_FLOW);
	is_dropped(BOX_IN, tcp(BOX_IP, 22, EXPERT_IP, 40000, RST), DROP_NO_FLOW);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

int group_reply(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_reply_leaves_by_the_clients_interface_to_the_clients_link_address),
		PACKET_TEST(the_third_packet_moves_the_flow_into_the_flow_table),
		PACKET_TEST(the_first_answer_moves_a_udp_flow_into_the_flow_table),
		PACKET_TEST(each_direction_counts_its_own_packets_and_bytes),
		PACKET_TEST(a_dropped_packet_is_not_counted_as_carried),
		PACKET_TEST(a_packet_renews_the_stamp_of_its_direction_alone),
		PACKET_TEST(a_container_port_that_answers_nobody_is_dropped),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
