// SPDX-License-Identifier: GPL-2.0-only
/* Entering a flow where another has its translated tuple, or a table refuses it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "flows.h"

/* Another opening packet that becomes the same on its way out. */
static int rival_opens(void)
{
	struct tuple in = client_tuple(IPPROTO_TCP, 40000);
	struct tuple out = translated(in);

	in.dport = bpf_htons(2001);
	return flow_open_as(&MAP_HALF_OPEN, in, out);
}

static void assert_owner(void *table, __u16 dport)
{
	struct tuple owner = tuple_reversed(&entry_of(table, IPPROTO_TCP, FLOW_REPLY)->out);

	assert_int_equal(owner.dport, bpf_htons(dport));
}

static void set_seen(void *table, __u8 original, __u8 reply)
{
	struct flow *flow = entry_of(table, IPPROTO_TCP, FLOW_REPLY);

	flow->tcp[FLOW_ORIGINAL] = original;
	flow->tcp[FLOW_REPLY] = reply;
}

/* The same opening packet again gets entries as new as the first time. */
static void own_retry(void **state)
{
	(void)state;
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_REPLY)->packets = 9;
	entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_ORIGINAL)->packets = 9;
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
	assert_int_equal(entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_REPLY)->packets, 0);
	assert_int_equal(entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_ORIGINAL)->packets, 0);
}

/* Opened anew, an established flow leaves the flow table. */
static void own_established(void **state)
{
	(void)state;
	assert_int_equal(flow_open(&MAP_FLOWS, IPPROTO_TCP), 0);
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
}

/* Opened anew with another translation, nothing of the old one is left in either table. */
static void own_with_another_translation(void *table)
{
	struct tuple in = client_tuple(IPPROTO_TCP, 40000), out = translated(in);

	assert_int_equal(flow_open(table, IPPROTO_TCP), 0);
	out.dport = bpf_htons(8080);
	assert_int_equal(flow_open_as(&MAP_HALF_OPEN, in, out), 0);
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
	assert_null(entry_of(table, IPPROTO_TCP, FLOW_REPLY));
}

static void established_then_another_translation(void **state)
{
	(void)state;
	own_with_another_translation(&MAP_FLOWS);
}

static void half_open_then_another_translation(void **state)
{
	(void)state;
	own_with_another_translation(&MAP_HALF_OPEN);
}

static void rival_of_a_live_flow(void *table)
{
	assert_int_equal(flow_open(table, IPPROTO_TCP), 0);
	assert_int_equal(rival_opens(), -DROP_TUPLE_TAKEN);
	assert_owner(table, 2000);
	set_seen(table, TCP_SEEN_FIN, TCP_SEEN_SYN); /* half closed is live */
	assert_int_equal(rival_opens(), -DROP_TUPLE_TAKEN);
	set_seen(table, TCP_SEEN_SYN, TCP_SEEN_FIN);
	assert_int_equal(rival_opens(), -DROP_TUPLE_TAKEN);
	assert_int_equal(map_entries(table), 2);
	/* One direction alone keeps it. */
	entry_of(table, IPPROTO_TCP, FLOW_REPLY)->seen -= 10 * timeouts.tcp_established;
	assert_int_equal(rival_opens(), -DROP_TUPLE_TAKEN);
}

static void rival_of_a_half_open_flow(void **state)
{
	(void)state;
	rival_of_a_live_flow(&MAP_HALF_OPEN);
}

static void rival_of_an_established_flow(void **state)
{
	(void)state;
	rival_of_a_live_flow(&MAP_FLOWS);
}

static void rival_takes_over(void *table)
{
	assert_int_equal(rival_opens(), 0);
	assert_owner(&MAP_HALF_OPEN, 2001);
	assert_null(entry_of(table, IPPROTO_TCP, FLOW_ORIGINAL));
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 2);
}

static void a_closing_flow_makes_way(void **state)
{
	static const __u8 ends[][2] = {
		{TCP_SEEN_RST, 0},
		{0, TCP_SEEN_RST},
		{TCP_SEEN_FIN, TCP_SEEN_FIN | TCP_SEEN_SYN},
	};
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		world_reset(state);
		assert_int_equal(flow_open(&MAP_FLOWS, IPPROTO_TCP), 0);
		set_seen(&MAP_FLOWS, ends[i][0], ends[i][1]);
		rival_takes_over(&MAP_FLOWS);
	}
}

static void an_idle_flow_makes_way(void **state)
{
	(void)state;
	assert_int_equal(flow_open(&MAP_FLOWS, IPPROTO_TCP), 0);
	kernel.jiffies += timeouts.tcp_half_open + 1; /* its timeout: it is not promoted */
	rival_takes_over(&MAP_FLOWS);
}

static void a_revoked_flow_makes_way(void **state)
{
	struct flow *flow;

	(void)state;
	assert_int_equal(flow_open(&MAP_FLOWS, IPPROTO_TCP), 0);
	flow = entry_of(&MAP_FLOWS, IPPROTO_TCP, FLOW_REPLY);
	flow->lease.gen = FLOW_GEN - 1;
	rival_takes_over(&MAP_FLOWS);
}

/* Another zone, another flow. */
static void zones_do_not_meet(void **state)
{
	struct tuple in = client_tuple(IPPROTO_TCP, 40000), out = translated(in);

	(void)state;
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	in.zone = ZONE_LAN;
	out.zone = ZONE_LAN;
	assert_int_equal(flow_open_as(&MAP_HALF_OPEN, in, out), 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 4);
}

static void refused_at_once(void **state)
{
	(void)state;
	map_refuse_after(&MAP_HALF_OPEN, 0);
	assert_true(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP) < 0);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 0);
}

/* One entry without the other would let answers through and nothing else. */
static void rolled_back(void **state)
{
	(void)state;
	map_refuse_after(&MAP_HALF_OPEN, 1);
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), -DROP_TABLE_FULL);
	assert_int_equal(map_entries(&MAP_HALF_OPEN), 0);
	map_refuse_after(&MAP_HALF_OPEN, -1);
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
}

/* A table that cannot take the reply's entry is full, not in dispute. */
static void full_is_not_taken(void **state)
{
	(void)state;
	map_refuse_after(&MAP_HALF_OPEN, 0);
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), -DROP_TABLE_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(own_retry),
		WORLD_TEST(own_established),
		WORLD_TEST(established_then_another_translation),
		WORLD_TEST(half_open_then_another_translation),
		WORLD_TEST(rival_of_a_half_open_flow),
		WORLD_TEST(rival_of_an_established_flow),
		WORLD_TEST(a_closing_flow_makes_way),
		WORLD_TEST(an_idle_flow_makes_way),
		WORLD_TEST(a_revoked_flow_makes_way),
		WORLD_TEST(zones_do_not_meet),
		WORLD_TEST(refused_at_once),
		WORLD_TEST(rolled_back),
		WORLD_TEST(full_is_not_taken),
	};

	return cmocka_run_group_tests_name("flow, entering", tests, NULL, NULL);
}
