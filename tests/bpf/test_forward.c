// SPDX-License-Identifier: GPL-2.0-only
/* New connections from outside to a forwarded port. */
#include "groups.h"
#include "talk.h"

static struct talk as_udp(struct talk talk)
{
	talk.proto = PROTO_UDP;
	return talk;
}

static void a_syn_to_a_forwarded_port_reaches_the_container_with_correct_checksums(void **state)
{
	const struct talk talks[] = {
		talk_forward(40000, 22, 22),	 talk_forward(40000, 2000, 2000),
		talk_forward(40000, 2009, 2009), talk_forward(1, 8080, 80),
		talk_forward(65535, 8080, 80),
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		opens(&talks[i], SYN_PACKET);
		assert_true(has_flow(&talks[i], HALF_OPEN, FLOW_ORIGINAL));
		assert_true(has_flow(&talks[i], HALF_OPEN, FLOW_REPLY));
		assert_int_equal(total(TOTAL_OPENED), i + 1);
	}
	assert_int_equal(flow_count(FLOWS), 0);
	assert_int_equal(port_counts(GRANT_TCP + 8080).opened, 2);
	assert_int_equal(port_counts(GRANT_TCP + 22).opened, 1);
	assert_int_equal(port_counts(GRANT_TCP + 22).refused, 0);
}

static void the_entries_of_a_new_flow_say_what_it_is(void **state)
{
	struct talk talk = talk_forward(40000, 8080, 80);
	struct flow original, reply;

	(void)state;
	opens(&talk, SYN_PACKET);
	original = flow_of(&talk, HALF_OPEN, FLOW_ORIGINAL);
	reply = flow_of(&talk, HALF_OPEN, FLOW_REPLY);
	assert_int_equal(original.kind, FLOW_FORWARDED);
	assert_int_equal(original.direction, FLOW_ORIGINAL);
	assert_int_equal(original.delivery, DELIVER_CONTAINER);
	assert_int_equal(original.container, 0);
	assert_int_equal(original.in_slot, slot_of(VPN_IN));
	assert_int_equal(original.lease.grant, GRANT_TCP + 8080);
	assert_int_equal(original.lease.lan_gen, 0);
	assert_int_equal(original.timeout, timeouts_used()->tcp_half_open);
	assert_in_range(original.opened, boottime_now() - 5000000000ULL, boottime_now());
	assert_int_equal(reply.kind, FLOW_FORWARDED);
	assert_int_equal(reply.direction, FLOW_REPLY);
	assert_int_equal(reply.delivery, DELIVER_LINK);
	assert_int_equal(reply.in_slot, slot_of(BOX_IN));
	assert_int_equal(reply.out_slot, slot_of(VPN_IN));
	assert_int_equal(reply.packets, 0);
}

static void a_udp_packet_to_a_forwarded_port_reaches_the_container(void **state)
{
	const struct talk talks[] = {as_udp(talk_forward(40000, 2000, 2000)),
				     as_udp(talk_forward(40000, 5353, 53))};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		opens(&talks[i], .payload = 24);
	assert_int_equal(port_counts(GRANT_UDP + 5353).opened, 1);
}

static void a_udp_packet_without_a_checksum_gets_none(void **state)
{
	struct talk talk = as_udp(talk_forward(40000, 5353, 53));

	(void)state;
	opens(&talk, .payload = 24, .unsummed = true);
	carries(&talk, FLOW_REPLY, .payload = 24, .unsummed = true);
}

static void a_udp_checksum_that_comes_out_as_zero_is_sent_as_all_ones(void **state)
{
	struct talk talk = as_udp(talk_forward(40000, 5353, 53));
	struct spec filling = {.payload = 8};
	struct frame out = {};
	__u32 sum_at = 0;

	(void)state;
	do {
		filling.fill++;
		struct spec spec = heard(&talk, FLOW_ORIGINAL, filling);

		out = build(&spec);
		sum_at = transport_at(&spec) + 6;
	} while (get16(&out, sum_at) != 0xffff && filling.fill != 0xffff);
	assert_int_equal(get16(&out, sum_at), 0xffff);
	opens(&talk, .payload = 8, .fill = filling.fill);
}

static void packets_of_every_length_are_carried_whole(void **state)
{
	static const __u32 lengths[] = {0, 1, 2, 3, 5, 17, 255, 1399, 1459, 1460, 3001};
	struct talk stream = talk_forward(40000, 8080, 80);
	struct talk datagrams = as_udp(talk_forward(40001, 5353, 53));
	size_t i;

	(void)state;
	establish(&stream);
	establish(&datagrams);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		carries(&stream, FLOW_ORIGINAL, ACK_PACKET, .payload = lengths[i]);
		carries(&stream, FLOW_REPLY, ANSWER_PACKET, .payload = lengths[i]);
		carries(&datagrams, FLOW_ORIGINAL, .payload = lengths[i]);
		carries(&datagrams, FLOW_REPLY, .payload = lengths[i]);
	}
}

static void a_hop_is_counted_from_every_ttl_above_one(void **state)
{
	static const __u8 ttls[] = {255, 128, 64, 2};
	struct talk talk = talk_forward(40000, 22, 22);
	size_t i;

	(void)state;
	establish(&talk);
	for (i = 0; i < sizeof(ttls); i++) {
		carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .ttl = ttls[i]);
		carries(&talk, FLOW_REPLY, ANSWER_PACKET, .ttl = ttls[i]);
	}
	cuts(&talk, FLOW_ORIGINAL, DROP_TTL, ACK_PACKET, .ttl = 1);
	cuts(&talk, FLOW_REPLY, DROP_TTL, ANSWER_PACKET, .ttl = 1);
}

static void a_syn_from_the_lan_is_forwarded_while_lan_access_is_on(void **state)
{
	struct talk talk = talk_lan_forward(40000, 8080, 80);

	(void)state;
	cuts(&talk, FLOW_ORIGINAL, DROP_LAN_OFF, SYN_PACKET);
	assert_int_equal(port_counts(GRANT_TCP + 8080).refused, 1);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	lan_access(true);
	establish(&talk);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).out_slot, slot_of(LAN_IN));
	assert_int_not_equal(flow_of(&talk, FLOWS, FLOW_ORIGINAL).lease.lan_gen, 0);
}

static void udp_from_the_lan_is_forwarded_while_lan_access_is_on(void **state)
{
	struct talk talk = as_udp(talk_lan_forward(40000, 5353, 53));

	(void)state;
	cuts(&talk, FLOW_ORIGINAL, DROP_LAN_OFF, .payload = 24);
	lan_access(true);
	establish(&talk);
}

static void an_address_newer_than_the_map_of_addresses_is_forwarded(void **state)
{
	struct talk talk = talk_lan_forward(40000, 22, 22);

	(void)state;
	lan_access(true);
	talk.ends[FLOW_ORIGINAL].dst = LAN_IP_2; /* on eth0, not in the map */
	opens(&talk, SYN_PACKET);
}

/* To the second container, which has no neighbour entry. */
static struct talk to_second(void)
{
	struct talk talk = talk_forward(40000, 2222, 22);

	talk.ends[FLOW_REPLY].place = SECOND_IN;
	talk.ends[FLOW_REPLY].src = SECOND_IP;
	return talk;
}

static void a_container_without_a_peer_is_left_to_the_neighbour_table(void **state)
{
	struct talk talk = to_second();

	(void)state;
	talk.neighbour[FLOW_ORIGINAL] = true;
	establish(&talk);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 100);
}

static void set_peer(struct container *container)
{
	container->peer = 1;
}

static void the_containers_link_address_is_learned_from_its_answer(void **state)
{
	struct talk before = to_second(), after = before;

	(void)state;
	before.neighbour[FLOW_ORIGINAL] = true;
	container_edit(1, set_peer);
	opens(&before, SYN_PACKET);
	carries(&before, FLOW_REPLY, SYN_ACK_PACKET);
	carries(&after, FLOW_ORIGINAL, ACK_PACKET);
}

static void take_interface(struct container *container)
{
	container->ifindex = 0;
}

static void nothing_is_delivered_to_a_container_whose_interface_is_gone(void **state)
{
	struct talk live = talk_forward(40000, 22, 22), late = talk_forward(40001, 22, 22);

	(void)state;
	establish(&live);
	container_edit(0, take_interface);
	cuts(&live, FLOW_ORIGINAL, DROP_NO_CONTAINER, ACK_PACKET);
	cuts(&late, FLOW_ORIGINAL, DROP_NO_CONTAINER, SYN_PACKET);
	assert_false(has_flow(&late, HALF_OPEN, FLOW_ORIGINAL));
}

static void nothing_is_sent_to_an_interface_that_the_kernel_has_removed(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	interface_gone(VPN_IN);
	cuts(&talk, FLOW_REPLY, DROP_NO_INTERFACE, ANSWER_PACKET);
	interface_gone(BOX_IN);
	cuts(&talk, FLOW_ORIGINAL, DROP_NO_CONTAINER, ACK_PACKET);
}

int group_forward(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(a_syn_to_a_forwarded_port_reaches_the_container_with_correct_checksums),
		PACKET_TEST(the_entries_of_a_new_flow_say_what_it_is),
		PACKET_TEST(a_udp_packet_to_a_forwarded_port_reaches_the_container),
		PACKET_TEST(a_udp_packet_without_a_checksum_gets_none),
		PACKET_TEST(a_udp_checksum_that_comes_out_as_zero_is_sent_as_all_ones),
		PACKET_TEST(packets_of_every_length_are_carried_whole),
		PACKET_TEST(a_hop_is_counted_from_every_ttl_above_one),
		PACKET_TEST(a_syn_from_the_lan_is_forwarded_while_lan_access_is_on),
		PACKET_TEST(udp_from_the_lan_is_forwarded_while_lan_access_is_on),
		PACKET_TEST(an_address_newer_than_the_map_of_addresses_is_forwarded),
		PACKET_TEST(a_container_without_a_peer_is_left_to_the_neighbour_table),
		PACKET_TEST(the_containers_link_address_is_learned_from_its_answer),
		PACKET_TEST(nothing_is_delivered_to_a_container_whose_interface_is_gone),
		PACKET_TEST(nothing_is_sent_to_an_interface_that_the_kernel_has_removed),
	};

	return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
