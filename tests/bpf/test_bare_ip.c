// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs for links without frames. BPF_PROG_TEST_RUN reads an Ethernet header from every
 * packet, and so takes 12 bytes of the IPv4 header for link addresses and the first half of the
 * source for the Ethernet type: 8.0.0.0/16 is IPv4 to it. It also takes the frame for a multicast
 * one, which opens nothing; flows that are there already match all the same.
 */
#include <string.h>

#include "groups.h"
#include "talk.h"

#define PEER "8.0.0.6"
#define HOST "8.0.0.2"

static struct frame bare(const struct spec *spec)
{
	struct frame frame = build(spec);

	frame.length -= ETHERNET_LENGTH;
	memmove(frame.bytes, frame.bytes + ETHERNET_LENGTH, frame.length);
	return frame;
}

static void a_bare_packet_of_a_flow_gets_a_link_header_for_the_container(void **state)
{
	struct talk talk = talk_forward(40000, 8080, 80);
	struct spec in, out;
	struct frame frame, expected;
	struct outcome outcome;

	(void)state;
	talk.ends[FLOW_ORIGINAL].src = talk.ends[FLOW_REPLY].dst = PEER;
	establish(&talk);
	in = said(&talk, FLOW_ORIGINAL, (struct spec){ACK_PACKET, .payload = 100});
	out = heard(&talk, FLOW_ORIGINAL, (struct spec){ACK_PACKET, .payload = 100});
	frame = bare(&in);
	expected = build(&out);
	outcome = run_frame(TUN_IN, &frame);
	assert_int_equal(outcome.verdict, 7);
	is_same_frame(&outcome.frame, &expected);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).bytes, 2 * 40 + 140);
}

static void the_hosts_own_bare_packets_get_their_answers(void **state)
{
	static const enum place bare_in[] = {TUN_IN, BARE_LAN_IN}, framed[] = {VPN_OUT, LAN_OUT};
	const struct spec out = udp(HOST, 45000, PEER, 53), in = udp(PEER, 53, HOST, 45000);
	const struct spec other = udp(PEER, 54, HOST, 45000);
	struct frame sent = bare(&out), answer = bare(&in), unasked = bare(&other);
	struct tuple key;
	struct flow flow;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bare_in) / sizeof(bare_in[0]); i++) {
		assert_int_equal(run_frame(bare_in[i], &answer).reason, DROP_GROUP);
		passes(framed[i], out);
		assert_int_equal(run_frame(out_of(bare_in[i]), &sent).verdict, -1);
		assert_int_equal(run_frame(bare_in[i], &answer).verdict, -1);
		assert_int_equal(run_frame(bare_in[i], &unasked).reason, DROP_GROUP);
		key = tuple_of(framed[i], &out);
		assert_true(flow_read(FLOWS, &key, &flow));
		assert_int_equal(flow.packets, 2);
	}
}

static void a_bare_packet_is_parsed_from_its_first_byte(void **state)
{
	struct spec spec = tcp(PEER, 40000, HOST, 22, SYN);
	struct frame frame;

	(void)state;
	spec.options = 1;
	frame = bare(&spec);
	assert_int_equal(run_frame(TUN_IN, &frame).reason, DROP_IP_OPTIONS);
	spec.options = 0;
	spec.fragment = 1;
	frame = bare(&spec);
	assert_int_equal(run_frame(TUN_IN, &frame).reason, DROP_FRAGMENT);
	spec.fragment = 0;
	frame = bare(&spec);
	put16(&frame, 2, frame.length + 1);
	assert_int_equal(run_frame(TUN_IN, &frame).reason, DROP_MALFORMED);
}

int group_bare_ip(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_bare_packet_of_a_flow_gets_a_link_header_for_the_container),
		PACKET_TEST(the_hosts_own_bare_packets_get_their_answers),
		PACKET_TEST(a_bare_packet_is_parsed_from_its_first_byte),
	};

	return cmocka_run_group_tests_name("bare_ip", tests, NULL, NULL);
}
