// SPDX-License-Identifier: GPL-2.0-only
/* The life of a flow: handshake, end, idleness, and the same port once more. */
#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void only_the_acknowledgement_of_the_answer_completes_a_handshake(void **state)
{
	static const __u32 wrong[] = {
		0,
		1,
		ANSWER_ISN,
		ANSWER_ISN + 1 + (1U << 20),
		ANSWER_ISN + 0x80000000,
		OPENER_ISN + 1,
	};
	struct talk talk = talk_forward(40000, 22, 22);
	size_t i;

	(void)state;
	opens(&talk, SYN_PACKET);
	cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, ACK_PACKET);
	cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, .flags = ACK, .ack = 1);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	for (i = 0; i < LENGTH(wrong); i++)
		cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, .flags = ACK, .ack = wrong[i]);
	cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, .flags = PSH, .ack = ANSWER_ISN + 1);
	cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, .flags = SYN | ACK, .ack = ANSWER_ISN + 1);
	assert_int_equal(flow_count(FLOWS), 0);
	assert_int_equal(flow_of(&talk, HALF_OPEN, FLOW_ORIGINAL).packets, 1);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void an_acknowledgement_of_early_data_completes_a_handshake(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 500);
	carries(&talk, FLOW_ORIGINAL, .flags = ACK | PSH, .ack = ANSWER_ISN + 501, .payload = 10);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void numbers_wrap_around_in_a_handshake(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, .flags = SYN, .seq = 0xffffffff);
	carries(&talk, FLOW_REPLY, .flags = SYN | ACK, .seq = 0xffffffff, .ack = 0);
	cuts(&talk, FLOW_ORIGINAL, DROP_HANDSHAKE, .flags = ACK, .ack = 0xffffffff);
	carries(&talk, FLOW_ORIGINAL, .flags = ACK, .ack = 0);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void a_repeated_syn_is_the_same_connection(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	int i;

	(void)state;
	opens(&talk, SYN_PACKET);
	for (i = 0; i < 3; i++)
		carries(&talk, FLOW_ORIGINAL, SYN_PACKET);
	assert_int_equal(flow_count(HALF_OPEN), 2);
	assert_int_equal(total(TOTAL_OPENED), 1);
	assert_int_equal(port_counts(GRANT_TCP + 22).opened, 1);
	assert_int_equal(flow_of(&talk, HALF_OPEN, FLOW_ORIGINAL).packets, 4);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void a_refused_connection_may_be_tried_again(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, .flags = RST | ACK, .ack = OPENER_ISN + 1);
	carries(&talk, FLOW_ORIGINAL, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 2);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).timeout,
			 timeouts_used()->tcp_established);
}

static void timeouts_are(const struct talk *talk, __u32 timeout)
{
	assert_int_equal(flow_of(talk, FLOWS, FLOW_ORIGINAL).timeout, timeout);
	assert_int_equal(flow_of(talk, FLOWS, FLOW_REPLY).timeout, timeout);
}

static void one_fin_is_half_an_end_and_two_shorten_the_timer(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	carries(&talk, FLOW_ORIGINAL, FIN_PACKET);
	timeouts_are(&talk, timeouts_used()->tcp_established);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 1000);
	timeouts_are(&talk, timeouts_used()->tcp_established);
	carries(&talk, FLOW_REPLY, .flags = FIN | ACK, .seq = ANSWER_ISN + 1001);
	timeouts_are(&talk, timeouts_used()->tcp_closing);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	timeouts_are(&talk, timeouts_used()->tcp_closing);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void a_fin_in_the_packet_that_completes_the_handshake_is_not_lost(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&talk, FLOW_ORIGINAL, FIN_PACKET, .payload = 10);
	carries(&talk, FLOW_REPLY, ANSWER_FIN_PACKET);
	timeouts_are(&talk, timeouts_used()->tcp_closing);
}

static void a_reset_shortens_the_timer_and_the_next_packet_revives(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	enum flow_direction direction;

	(void)state;
	establish(&talk);
	for (direction = FLOW_ORIGINAL; direction <= FLOW_REPLY; direction++) {
		carries(&talk, direction, .flags = RST, .seq = 77);
		timeouts_are(&talk, timeouts_used()->tcp_closing);
		assert_int_equal(flow_count(FLOWS), 2);
		carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
		timeouts_are(&talk, timeouts_used()->tcp_established);
		carries(&talk, direction, .flags = RST, .seq = 77);
		carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
		timeouts_are(&talk, timeouts_used()->tcp_established);
	}
}

static void end(const struct talk *talk)
{
	carries(talk, FLOW_ORIGINAL, FIN_PACKET);
	carries(talk, FLOW_REPLY, ANSWER_FIN_PACKET);
	carries(talk, FLOW_ORIGINAL, ACK_PACKET);
}

static void reset(const struct talk *talk)
{
	carries(talk, FLOW_REPLY, .flags = RST);
}

static void a_syn_on_an_ended_flow_is_a_new_connection(void **state)
{
	static void (*const ways[])(const struct talk *) = {end, reset};
	struct talk talks[] = {talk_forward(40000, 22, 22), talk_outbound(61000),
			       talk_host(PROTO_TCP, 45000, 443), talk_to_host(VPN_IN, 40001)};
	__u64 opened = 0;
	size_t i, k;

	(void)state;
	host_control(true);
	for (i = 0; i < LENGTH(talks); i++) {
		for (k = 0; k < 3 * LENGTH(ways); k++) {
			establish(&talks[i]);
			assert_int_equal(total(TOTAL_OPENED), ++opened);
			timeouts_are(&talks[i], timeouts_used()->tcp_established);
			ways[k % LENGTH(ways)](&talks[i]);
			timeouts_are(&talks[i], timeouts_used()->tcp_closing);
		}
		opens(&talks[i], SYN_PACKET);
		opened++;
		assert_false(has_flow(&talks[i], FLOWS, FLOW_ORIGINAL));
		assert_false(has_flow(&talks[i], FLOWS, FLOW_REPLY));
	}
}

static void a_syn_on_an_ended_flow_asks_the_policy(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	end(&talk);
	grant_clear(GRANT_TCP + 22);
	cuts(&talk, FLOW_ORIGINAL, DROP_PORT_CLOSED, SYN_PACKET);
	cuts(&talk, FLOW_ORIGINAL, DROP_REVOKED, ACK_PACKET);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	grant_set(GRANT_TCP + 22, ZONE_BIT(ZONE_VPN), 22, 0);
	establish(&talk);
}

static void a_syn_on_a_live_flow_changes_nothing(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	carries(&talk, FLOW_ORIGINAL, .flags = SYN, .seq = 99);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	assert_int_equal(total(TOTAL_OPENED), 1);
	timeouts_are(&talk, timeouts_used()->tcp_established);
}

static __u64 now; /* jiffies */

static void grow_old(struct flow *flow)
{
	flow->seen = now - flow->timeout - 1;
}

static void grow_almost_old(struct flow *flow)
{
	flow->seen = now - flow->timeout + 250;
}

static void stamp_ahead(struct flow *flow)
{
	flow->seen = now + 1000;
}

static struct talk as_udp(struct talk talk)
{
	talk.proto = PROTO_UDP;
	return talk;
}

static void an_idle_flow_runs_out(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22), datagrams;

	(void)state;
	now = jiffies_now();
	establish(&talk);
	flows_edit(&talk, FLOWS, grow_almost_old);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
	flows_edit(&talk, FLOWS, grow_old);
	cuts(&talk, FLOW_ORIGINAL, DROP_NO_FLOW, ACK_PACKET);
	assert_int_equal(flow_count(FLOWS), 0);

	datagrams = as_udp(talk_host(PROTO_UDP, 45000, 53));
	establish(&datagrams);
	flows_edit(&datagrams, FLOWS, grow_old);
	cuts(&datagrams, FLOW_REPLY, DROP_PORT_CLOSED, .payload = 24);
	assert_int_equal(flow_count(FLOWS), 0);
}

static void a_half_open_flow_runs_out_and_may_be_opened_again(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	now = jiffies_now();
	opens(&talk, SYN_PACKET);
	carries(&talk, FLOW_REPLY, SYN_ACK_PACKET);
	flows_edit(&talk, HALF_OPEN, grow_old);
	cuts(&talk, FLOW_ORIGINAL, DROP_NO_FLOW, ACK_PACKET);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	opens(&talk, SYN_PACKET);
	flows_edit(&talk, HALF_OPEN, grow_old);
	opens(&talk, SYN_PACKET);
	assert_int_equal(total(TOTAL_OPENED), 3);
}

static void an_ended_flow_runs_out_after_the_short_time(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	now = jiffies_now();
	establish(&talk);
	end(&talk);
	flows_edit(&talk, FLOWS, grow_old);
	cuts(&talk, FLOW_REPLY, DROP_NO_FLOW, ANSWER_PACKET);
	assert_int_equal(flow_count(FLOWS), 0);
}

static void a_stream_in_one_direction_keeps_both_alive(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct spec quiet = said(&talk, FLOW_REPLY, (struct spec){});
	struct tuple key = tuple_of(BOX_IN, &quiet);
	struct flow flow;

	(void)state;
	now = jiffies_now();
	establish(&talk);
	flow = flow_of(&talk, FLOWS, FLOW_REPLY);
	grow_old(&flow);
	flow_write(FLOWS, &key, &flow);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET);
}

/* The clock is read before the entry: another CPU may have stamped it since, a tick later. */
static void a_stamp_of_a_tick_ahead_is_not_an_old_one(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	now = jiffies_now();
	establish(&talk);
	flows_edit(&talk, FLOWS, stamp_ahead);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET);
}

static void an_opening_whose_other_half_was_evicted_is_entered_anew(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct spec answer = said(&talk, FLOW_REPLY, (struct spec){});
	struct tuple key = tuple_of(BOX_IN, &answer);

	(void)state;
	opens(&talk, SYN_PACKET);
	flow_remove(HALF_OPEN, &key);
	establish(&talk);
}

static void an_established_direction_does_without_its_evicted_partner(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct spec answer = said(&talk, FLOW_REPLY, (struct spec){});
	struct tuple key = tuple_of(BOX_IN, &answer);

	(void)state;
	establish(&talk);
	flow_remove(FLOWS, &key);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&talk, FLOW_ORIGINAL, FIN_PACKET);
	cuts(&talk, FLOW_REPLY, DROP_NO_FLOW, ANSWER_PACKET);
}

int group_tcp_state(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(only_the_acknowledgement_of_the_answer_completes_a_handshake),
		PACKET_TEST(an_acknowledgement_of_early_data_completes_a_handshake),
		PACKET_TEST(numbers_wrap_around_in_a_handshake),
		PACKET_TEST(a_repeated_syn_is_the_same_connection),
		PACKET_TEST(a_refused_connection_may_be_tried_again),
		PACKET_TEST(one_fin_is_half_an_end_and_two_shorten_the_timer),
		PACKET_TEST(a_fin_in_the_packet_that_completes_the_handshake_is_not_lost),
		PACKET_TEST(a_reset_shortens_the_timer_and_the_next_packet_revives),
		PACKET_TEST(a_syn_on_an_ended_flow_is_a_new_connection),
		PACKET_TEST(a_syn_on_an_ended_flow_asks_the_policy),
		PACKET_TEST(a_syn_on_a_live_flow_changes_nothing),
		PACKET_TEST(an_idle_flow_runs_out),
		PACKET_TEST(a_half_open_flow_runs_out_and_may_be_opened_again),
		PACKET_TEST(an_ended_flow_runs_out_after_the_short_time),
		PACKET_TEST(a_stream_in_one_direction_keeps_both_alive),
		PACKET_TEST(a_stamp_of_a_tick_ahead_is_not_an_old_one),
		PACKET_TEST(an_opening_whose_other_half_was_evicted_is_entered_anew),
		PACKET_TEST(an_established_direction_does_without_its_evicted_partner),
	};

	return cmocka_run_group_tests_name("tcp_state", tests, NULL, NULL);
}
