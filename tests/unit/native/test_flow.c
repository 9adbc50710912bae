// SPDX-License-Identifier: GPL-2.0-only
/* A flow's life by sequences of packets: handshake, promotion, end, revival. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "flows.h"

#define CLIENT FLOW_ORIGINAL
#define SERVER FLOW_REPLY

#define SYN TCP_SYN
#define ACK TCP_ACK
#define RST TCP_RST
#define FIN TCP_FIN
#define ISN 0x1000U /* the server's */

/* Where a flow is after a packet. */
enum stage {
	HALF_OPEN,
	ESTABLISHED,
	CLOSING,
	REFUSED, /* the packet was, the flow is half-open */
};

struct step {
	enum flow_direction from;
	__u8 flags;
	__u32 seq, ack;
	enum stage then;
};

static struct packet segment(enum flow_direction from, __u8 flags, __u32 seq, __u32 ack)
{
	return (struct packet){
		.tuple = key_of(IPPROTO_TCP, from),
		.tcp = flags,
		.seq = seq,
		.ack = ack,
		.v4 = 1,
	};
}

static int promoted(const struct packet *packet)
{
	struct flow *flow = bpf_map_lookup_elem(&MAP_FLOWS, &packet->tuple);

	flow_track(flow, packet);
	return 1;
}

/* As known_flow() and advance_half_open() do. Returns 1 for an established flow, else
 * flow_advance()'s 0 or reason. */
static int pass_packet(const struct packet *packet)
{
	struct flow *flow = flow_find(&MAP_FLOWS, &packet->tuple, kernel.jiffies);
	int advanced;

	if (flow) {
		flow_track(flow, packet);
		flow->seen = kernel.jiffies;
		return 1;
	}
	flow = flow_find(&MAP_HALF_OPEN, &packet->tuple, kernel.jiffies);
	assert_non_null(flow);
	flow->seen = kernel.jiffies;
	advanced = flow_advance(&packet->tuple, flow, packet);
	return advanced > 0 ? promoted(packet) : advanced;
}

static int pass_segment(enum flow_direction from, __u8 flags, __u32 seq, __u32 ack)
{
	struct packet packet = segment(from, flags, seq, ack);

	return pass_packet(&packet);
}

static void assert_entries(void *table, __u8 proto, __u32 timeout, bool closing)
{
	struct flow *original = entry_of(table, proto, CLIENT);
	struct flow *reply = entry_of(table, proto, SERVER);

	assert_non_null(original);
	assert_non_null(reply);
	assert_int_equal(original->timeout, timeout);
	assert_int_equal(reply->timeout, timeout);
	assert_int_equal(original->direction, CLIENT);
	assert_int_equal(reply->direction, SERVER);
	assert_int_equal(is_closing(original), closing);
	assert_int_equal(is_closing(reply), closing);
}

static void assert_stage(enum stage stage)
{
	bool pending = stage == HALF_OPEN || stage == REFUSED;

	assert_int_equal(map_entries(&MAP_HALF_OPEN), pending ? 2 : 0);
	assert_int_equal(map_entries(&MAP_FLOWS), pending ? 0 : 2);
	if (pending)
		assert_entries(&MAP_HALF_OPEN, IPPROTO_TCP, timeouts.tcp_half_open, false);
	else if (stage == ESTABLISHED)
		assert_entries(&MAP_FLOWS, IPPROTO_TCP, timeouts.tcp_established, false);
	else
		assert_entries(&MAP_FLOWS, IPPROTO_TCP, timeouts.tcp_closing, true);
}

static void play(const struct step *steps, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		int result =
			pass_segment(steps[i].from, steps[i].flags, steps[i].seq, steps[i].ack);

		assert_int_equal(result == -DROP_HANDSHAKE, steps[i].then == REFUSED);
		assert_stage(steps[i].then);
	}
}

#define PLAY(...)                                \
	play((const struct step[]){__VA_ARGS__}, \
	     sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static int opened(void **state)
{
	world_reset(state);
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	return 0;
}

static int established(void **state)
{
	opened(state);
	PLAY({CLIENT, SYN, 1, 0, HALF_OPEN}, {SERVER, SYN | ACK, ISN, 2, HALF_OPEN},
	     {CLIENT, ACK, 2, ISN + 1, ESTABLISHED});
	return 0;
}

static void handshake(void **state)
{
	(void)state;
	PLAY({CLIENT, SYN, 1, 0, HALF_OPEN}, {CLIENT, SYN, 1, 0, HALF_OPEN},
	     {SERVER, SYN | ACK, ISN, 2, HALF_OPEN}, {CLIENT, SYN, 1, 0, HALF_OPEN},
	     {SERVER, SYN | ACK, ISN, 2, HALF_OPEN}, {CLIENT, ACK, 2, ISN + 1, ESTABLISHED},
	     {SERVER, ACK, ISN + 1, 2, ESTABLISHED}, {CLIENT, ACK, 2, 99, ESTABLISHED});
	assert_int_equal(total(TOTAL_ESTABLISHED), 1);
}

/* Nobody but who got the server's number promotes the flow. */
static void acknowledgement_without_an_answer(void **state)
{
	(void)state;
	PLAY({CLIENT, SYN, 1, 0, HALF_OPEN}, {CLIENT, ACK, 2, 1, REFUSED},
	     {CLIENT, ACK, 2, 0, REFUSED}, {CLIENT, FIN | ACK, 2, 1, REFUSED},
	     {SERVER, ACK, ISN, 2, HALF_OPEN}, /* a challenge; no answer either */
	     {CLIENT, ACK, 2, ISN + 1, REFUSED}, {SERVER, SYN, ISN, 0, HALF_OPEN},
	     {CLIENT, ACK, 2, ISN + 1, REFUSED});
}

/* The borders of what is believed, where the server's number is ISN. */
static void acknowledgement_window(void **state)
{
	static const __u32 isns[] = {
		0, 1, ISN, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfff00000, 0xfffffffe, 0xffffffff,
	};
	static const struct {
		__u32 beyond; /* ISN */
		bool good;
	} acks[] = {
		{0, false},
		{1, true},
		{2, true},
		{HANDSHAKE_ACK_WINDOW, true},
		{HANDSHAKE_ACK_WINDOW + 1, false},
		{0x80000000, false},
		{0xffffffff, false},
	};
	size_t i, j;

	for (i = 0; i < sizeof(isns) / sizeof(isns[0]); i++)
		for (j = 0; j < sizeof(acks) / sizeof(acks[0]); j++) {
			opened(state);
			PLAY({SERVER, SYN | ACK, isns[i], 2, HALF_OPEN},
			     {CLIENT, ACK, 2, isns[i] + acks[j].beyond,
			      acks[j].good ? ESTABLISHED : REFUSED});
		}
}

/* A refused connection may be tried again at once. */
static void reset_of_a_handshake(void **state)
{
	(void)state;
	PLAY({CLIENT, SYN, 1, 0, HALF_OPEN}, {SERVER, RST | ACK, 0, 2, HALF_OPEN},
	     {CLIENT, SYN, 1, 0, HALF_OPEN}, {CLIENT, RST, 2, 0, HALF_OPEN},
	     {SERVER, SYN | ACK, ISN, 2, HALF_OPEN}, {CLIENT, ACK, 2, ISN + 1, ESTABLISHED});
}

static void odd_flags(void **state)
{
	(void)state;
	PLAY({SERVER, SYN | ACK, ISN, 2, HALF_OPEN}, {CLIENT, 0, 2, ISN + 1, REFUSED},
	     {CLIENT, SYN | ACK, 2, ISN + 1, REFUSED}, {CLIENT, FIN, 2, ISN + 1, REFUSED},
	     {CLIENT, ACK | 0x08, 2, ISN + 1, ESTABLISHED}); /* with data */
}

/* The last acknowledgement may be lost: the first data takes its place, and a FIN may, too. */
static void a_fin_that_completes_the_handshake(void **state)
{
	(void)state;
	PLAY({SERVER, SYN | ACK, ISN, 2, HALF_OPEN}, {CLIENT, FIN | ACK, 2, ISN + 1, ESTABLISHED},
	     {SERVER, FIN | ACK, ISN + 1, 3, CLOSING});
}

static void a_half_closed_flow_lives_long(void **state)
{
	(void)state;
	PLAY({CLIENT, FIN | ACK, 2, ISN + 1, ESTABLISHED}, {SERVER, ACK, 0, 0, ESTABLISHED},
	     {SERVER, ACK, 0, 0, ESTABLISHED}, {CLIENT, FIN | ACK, 2, ISN + 1, ESTABLISHED},
	     {SERVER, FIN | ACK, 0, 0, CLOSING}, {CLIENT, ACK, 0, 0, CLOSING});
}

static void half_closed_by_the_server(void **state)
{
	(void)state;
	PLAY({SERVER, FIN | ACK, 0, 0, ESTABLISHED}, {CLIENT, ACK, 0, 0, ESTABLISHED},
	     {CLIENT, FIN | ACK, 0, 0, CLOSING}, {SERVER, ACK, 0, 0, CLOSING});
}

/* RFC 5961: one forged packet does not end a connection whose ends go on. */
static void reset_and_revival(void **state)
{
	(void)state;
	PLAY({CLIENT, RST, 2, 0, CLOSING}, {SERVER, ACK, 0, 0, ESTABLISHED},
	     {SERVER, RST | ACK, 0, 0, CLOSING}, {SERVER, RST | ACK, 0, 0, CLOSING},
	     {SERVER, ACK, 0, 0, ESTABLISHED}, {CLIENT, ACK, 0, 0, ESTABLISHED},
	     {CLIENT, RST, 0, 0, CLOSING}, {SERVER, RST, 0, 0, CLOSING},
	     {CLIENT, ACK, 0, 0, ESTABLISHED});
}

/* What revives a flow that was reset does not undo its FINs. */
static void revival_keeps_the_fins(void **state)
{
	(void)state;
	PLAY({CLIENT, FIN | ACK, 0, 0, ESTABLISHED}, {SERVER, FIN | ACK, 0, 0, CLOSING},
	     {SERVER, RST, 0, 0, CLOSING}, {CLIENT, ACK, 0, 0, CLOSING});
}

/* Without its partner an entry still tracks what it sees. */
static void end_without_the_partner(void **state)
{
	struct tuple reply = key_of(IPPROTO_TCP, SERVER);
	struct flow *flow;

	(void)state;
	bpf_map_delete_elem(&MAP_FLOWS, &reply);
	assert_int_equal(pass_segment(CLIENT, RST, 0, 0), 1);
	flow = entry_of(&MAP_FLOWS, IPPROTO_TCP, CLIENT);
	assert_int_equal(flow->timeout, timeouts.tcp_closing);
	assert_int_equal(pass_segment(CLIENT, ACK, 0, 0), 1);
	assert_int_equal(flow->timeout, timeouts.tcp_established);
}

/* The first answer establishes what has no handshake. */
static void other_protocols(void **state)
{
	static const __u8 protocols[] = {IPPROTO_UDP, IPPROTO_ICMP};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(protocols); i++) {
		struct packet request = {.tuple = key_of(protocols[i], CLIENT)};
		struct packet answer = {.tuple = key_of(protocols[i], SERVER)};
		__u32 timeout = i ? timeouts.icmp : timeouts.udp;

		world_reset(NULL);
		assert_int_equal(flow_open(&MAP_HALF_OPEN, protocols[i]), 0);
		assert_entries(&MAP_HALF_OPEN, protocols[i], timeout, false);
		assert_int_equal(pass_packet(&request), 0);
		assert_int_equal(pass_packet(&request), 0);
		assert_int_equal(pass_packet(&answer), 1);
		assert_int_equal(map_entries(&MAP_HALF_OPEN), 0);
		assert_entries(&MAP_FLOWS, protocols[i], timeout, false);
	}
}

static void promotion_refused_at_once(void **state)
{
	(void)state;
	map_refuse_after(&MAP_FLOWS, 0);
	assert_int_equal(pass_segment(SERVER, SYN | ACK, ISN, 2), 0);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 0);
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
	assert_int_equal(total(TOTAL_ESTABLISHED), 0);
	/* Both directions go on, and the opener's next packet tries again. */
	assert_int_equal(pass_segment(SERVER, ACK, ISN + 1, 2), 0);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 0);
	map_refuse_after(&MAP_FLOWS, -1);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 1);
	assert_stage(ESTABLISHED);
}

static void promotion_refused_half_way(void **state)
{
	(void)state;
	map_refuse_after(&MAP_FLOWS, 1);
	assert_int_equal(pass_segment(SERVER, SYN | ACK, ISN, 2), 0);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 0);
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
	map_refuse_after(&MAP_FLOWS, -1);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 1);
	assert_stage(ESTABLISHED);
}

/* The kernel may evict one entry alone. */
static void promotion_without_the_partner(void **state)
{
	struct tuple reply = key_of(IPPROTO_TCP, SERVER);

	(void)state;
	assert_int_equal(pass_segment(SERVER, SYN | ACK, ISN, 2), 0);
	bpf_map_delete_elem(&MAP_HALF_OPEN, &reply);
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 0);
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
}

/* What was counted and learned half-open is not lost. */
static void promotion_keeps_the_entries(void **state)
{
	struct flow *flow = entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, CLIENT), before;

	(void)state;
	flow->packets = 3;
	flow->bytes = 180;
	flow->link.dst[5] = 7;
	assert_int_equal(pass_segment(SERVER, SYN | ACK, ISN, 2), 0);
	before = *flow;
	assert_int_equal(pass_segment(CLIENT, ACK, 2, ISN + 1), 1);
	before.timeout = timeouts.tcp_established;
	assert_memory_equal(entry_of(&MAP_FLOWS, IPPROTO_TCP, CLIENT), &before, sizeof(before));
}

#define OPENED(function) cmocka_unit_test_setup_teardown(function, opened, world_free)
#define LIVE(function) cmocka_unit_test_setup_teardown(function, established, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPENED(handshake),
		OPENED(acknowledgement_without_an_answer),
		OPENED(acknowledgement_window),
		OPENED(reset_of_a_handshake),
		OPENED(odd_flags),
		OPENED(a_fin_that_completes_the_handshake),
		LIVE(a_half_closed_flow_lives_long),
		LIVE(half_closed_by_the_server),
		LIVE(reset_and_revival),
		LIVE(revival_keeps_the_fins),
		LIVE(end_without_the_partner),
		WORLD_TEST(other_protocols),
		OPENED(promotion_refused_at_once),
		OPENED(promotion_refused_half_way),
		OPENED(promotion_without_the_partner),
		OPENED(promotion_keeps_the_entries),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
