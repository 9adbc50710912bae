// SPDX-License-Identifier: GPL-2.0-only
/* How flows are counted and how they age: by the jiffy, both directions together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "flows.h"

/* A flow in TABLE whose directions were seen this long ago; says whether it is found. */
static bool found(void *table, __u8 proto, __u64 original_idle, __u64 reply_idle)
{
	struct tuple key = key_of(proto, FLOW_ORIGINAL), partner = key_of(proto, FLOW_REPLY);
	struct flow *flow;

	world_reset(NULL);
	assert_int_equal(flow_open(table, proto), 0);
	entry_of(table, proto, FLOW_ORIGINAL)->seen = kernel.jiffies - original_idle;
	entry_of(table, proto, FLOW_REPLY)->seen = kernel.jiffies - reply_idle;
	flow = flow_find(table, &key, kernel.jiffies);
	assert_int_equal(map_entries(table), flow ? 2 : 0);
	assert_ptr_equal(flow, bpf_map_lookup_elem(table, &key));
	assert_int_equal(!!flow_find(table, &partner, kernel.jiffies), !!flow);
	return flow;
}

static void both_directions_count(void **state)
{
	static const struct {
		__u8 proto;
		__u32 seconds;
	} cases[] = {
		{IPPROTO_TCP, 30}, /* half-open */
		{IPPROTO_UDP, 300},
		{IPPROTO_ICMP, 60},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		__u8 proto = cases[i].proto;
		__u64 limit = cases[i].seconds * HZ;

		assert_true(found(&MAP_HALF_OPEN, proto, 0, 0));
		assert_true(found(&MAP_HALF_OPEN, proto, limit, limit));
		assert_true(found(&MAP_HALF_OPEN, proto, limit + 1, limit));
		assert_true(found(&MAP_HALF_OPEN, proto, limit, limit + 1));
		assert_true(found(&MAP_FLOWS, proto, 1000 * limit, 0));
		assert_true(found(&MAP_FLOWS, proto, 0, 1000 * limit));
		assert_false(found(&MAP_HALF_OPEN, proto, limit + 1, limit + 1));
		assert_false(found(&MAP_FLOWS, proto, limit + 1, limit + 1));
	}
}

/* At least 2 h 4 min, and 4 min (RFC 5382 REQ-5). */
static void established_and_closing(void **state)
{
	struct flow flow = {};

	(void)state;
	assert_true(open_timeout(IPPROTO_TCP) >= (2 * 3600 + 4 * 60) * HZ);
	assert_true(timeouts.tcp_closing >= 240 * HZ);
	flow.timeout = open_timeout(IPPROTO_TCP);
	flow.seen = 1000;
	assert_false(is_idle(&flow, 1000 + 7440 * HZ));
	assert_true(is_idle(&flow, 1001 + 7440 * HZ));
}

/*
 * A program reads the clock when it starts; by the time it looks at the flow, another CPU may have
 * stamped it with the next jiffy. That flow is as live as can be.
 */
static void stamped_by_a_cpu_ahead(void **state)
{
	(void)state;
	assert_true(found(&MAP_FLOWS, IPPROTO_UDP, -1, 0));
	assert_true(found(&MAP_FLOWS, IPPROTO_UDP, -1, -1));
	assert_true(found(&MAP_FLOWS, IPPROTO_UDP, -1, 400 * HZ)); /* one-way */
	assert_true(found(&MAP_FLOWS, IPPROTO_UDP, 400 * HZ, -1));
}

/* An entry whose partner was evicted ages alone. */
static void without_the_partner(void **state)
{
	struct tuple key = key_of(IPPROTO_UDP, FLOW_ORIGINAL);
	struct tuple partner = key_of(IPPROTO_UDP, FLOW_REPLY);

	(void)state;
	assert_int_equal(flow_open(&MAP_FLOWS, IPPROTO_UDP), 0);
	bpf_map_delete_elem(&MAP_FLOWS, &partner);
	assert_non_null(flow_find(&MAP_FLOWS, &key, kernel.jiffies + timeouts.udp));
	assert_null(flow_find(&MAP_FLOWS, &key, kernel.jiffies + timeouts.udp + 1));
	assert_int_equal(map_entries(&MAP_FLOWS), 0);
}

/* The jiffies of a long uptime do not fit in 32 bits. */
static void a_long_uptime(void **state)
{
	static const __u64 times[] = {0xfffffff0, 0x100000000, 0x1fffffffff, 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct flow flow = {.seen = times[i], .timeout = 100};

		assert_false(is_idle(&flow, times[i] + 100));
		assert_true(is_idle(&flow, times[i] + 101));
		assert_true(is_idle(&flow, times[i] + 0x100000000));
	}
}

static void a_new_flow(void **state)
{
	struct flow *original, *reply;
	struct tuple key = key_of(IPPROTO_TCP, FLOW_ORIGINAL);

	(void)state;
	assert_int_equal(flow_open(&MAP_HALF_OPEN, IPPROTO_TCP), 0);
	original = entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_ORIGINAL);
	reply = entry_of(&MAP_HALF_OPEN, IPPROTO_TCP, FLOW_REPLY);
	assert_int_equal(original->seen, kernel.jiffies);
	assert_int_equal(reply->seen, kernel.jiffies);
	assert_int_equal(original->opened, kernel.boot_ns);
	assert_int_equal(original->packets | original->bytes | reply->packets | reply->bytes, 0);
	assert_int_equal(original->kind, FLOW_FORWARDED);
	assert_int_equal(reply->lease.gen, FLOW_GEN);
	assert_ptr_equal(flow_partner(&MAP_HALF_OPEN, original), reply);
	assert_ptr_equal(flow_partner(&MAP_HALF_OPEN, reply), original);
	key = tuple_reversed(&key);
	assert_true(tuple_equal(&reply->out, &key));
}

static void counting(void **state)
{
	static const struct {
		__u32 length, l3, segments;
		__u64 packets, bytes;
	} cases[] = {
		{14 + 60, 14, 1, 1, 60},	 {60, 0, 1, 1, 60},
		{14 + 60, 14, 0, 1, 60}, /* no GSO packet */
		{14 + 65226, 14, 45, 45, 65226}, {14 + 500000, 14, 340, 340, 500000}, /* BIG TCP */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct __sk_buff skb = {.len = cases[i].length, .gso_segs = cases[i].segments};
		struct packet packet = {.l3 = cases[i].l3};
		struct flow flow = {.packets = 0xfffffffe, .bytes = 0xffffffff, .seen = 5};

		flow_account(&flow, &skb, &packet, 6);
		assert_int_equal(flow.packets, 0xfffffffe + cases[i].packets);
		assert_int_equal(flow.bytes, 0xffffffff + cases[i].bytes);
		assert_int_equal(flow.seen, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(both_directions_count),
		WORLD_TEST(established_and_closing),
		WORLD_TEST(stamped_by_a_cpu_ahead),
		WORLD_TEST(without_the_partner),
		WORLD_TEST(a_long_uptime),
		WORLD_TEST(a_new_flow),
		WORLD_TEST(counting),
	};

	return cmocka_run_group_tests_name("flow, age and counts", tests, NULL, NULL);
}
