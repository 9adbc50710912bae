// SPDX-License-Identifier: GPL-2.0-only
/* The source port that an outbound flow gets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "open.h"
#include "world.h"

#define COUNT (MASQUERADE_HIGH - MASQUERADE_LOW + 1)
#define RANDOM(...)                                                         \
	do {                                                                \
		static const __u32 numbers[] = {__VA_ARGS__};               \
		kernel.random = numbers;                                    \
		kernel.random_count = sizeof(numbers) / sizeof(numbers[0]); \
	} while (0)

/* Masqueraded, with the container's own port still. */
static struct tuple outgoing(__u8 proto, __u16 port)
{
	return (struct tuple){
		.src = addr4(10, 1, 0, 2),
		.dst = addr4(198, 51, 100, 34),
		.sport = bpf_htons(port),
		.dport = proto == IPPROTO_ICMP ? 0 : bpf_htons(443),
		.proto = proto,
		.zone = ZONE_LAN,
	};
}

static struct draft *drafted(const struct tuple *out)
{
	struct lease lease = {};
	struct draft *draft = draft_new(FLOW_OUTBOUND, &lease, out->proto, kernel.jiffies);

	draft->original.out = *out;
	return draft;
}

/* As the container at HOST sends it. */
static struct tuple incoming(struct tuple out, __u8 host)
{
	out.src = addr4(10, 0, 3, host);
	out.zone = ZONE_CONTAINER;
	return out;
}

/* Returns the port, or the negated reason. The flow is gone again afterwards. */
static int choose(__u8 proto, __u16 port)
{
	struct tuple expected = outgoing(proto, port), in = incoming(expected, 2), out;
	int err = enter_masqueraded(&in, drafted(&expected), kernel.jiffies);

	if (err)
		return err;
	out = ((struct flow *)bpf_map_lookup_elem(&MAP_HALF_OPEN, &in))->out;
	flow_delete(&MAP_HALF_OPEN, &in, bpf_map_lookup_elem(&MAP_HALF_OPEN, &in));
	expected.sport = out.sport;
	assert_memory_equal(&out, &expected, sizeof(out)); /* nothing else */
	return bpf_ntohs(out.sport);
}

/* Enters the flow that has PORT, from another address of the container's network. */
static void take(void *table, __u8 proto, __u16 port)
{
	struct tuple out = outgoing(proto, port), in = incoming(out, 9);

	assert_int_equal(flow_enter(table, &in, drafted(&out), kernel.jiffies), 0);
}

static void one_port_only(void)
{
	settings_set((struct settings){.masquerade_low = MASQUERADE_LOW,
				       .masquerade_high = MASQUERADE_LOW});
}

static struct flow *taken_entry(void *table, __u8 proto, __u16 port, enum flow_direction direction)
{
	struct tuple out = outgoing(proto, port), key = tuple_reversed(&out);
	struct flow *reply = bpf_map_lookup_elem(table, &key);

	return direction == FLOW_REPLY ? reply : flow_partner(table, reply);
}

static void the_own_port_is_kept(void **state)
{
	static const __u8 protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(protocols); i++) {
		assert_int_equal(choose(protocols[i], MASQUERADE_LOW), MASQUERADE_LOW);
		assert_int_equal(choose(protocols[i], MASQUERADE_LOW + 5), MASQUERADE_LOW + 5);
		assert_int_equal(choose(protocols[i], MASQUERADE_HIGH), MASQUERADE_HIGH);
	}
}

static void a_foreign_port_moves_into_the_range(void **state)
{
	static const __u16 ports[] = {0, 1, 22, MASQUERADE_LOW - 1, MASQUERADE_HIGH + 1, 65535};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		int port = choose(IPPROTO_TCP, ports[i]);

		assert_in_range(port, MASQUERADE_LOW, MASQUERADE_HIGH);
	}
}

/* Either end of the range can be drawn, and nothing beyond. */
static void borders_are_drawn(void **state)
{
	(void)state;
	RANDOM(0, COUNT - 1, COUNT, 0xffffffff);
	assert_int_equal(choose(IPPROTO_TCP, 1), MASQUERADE_LOW);
	assert_int_equal(choose(IPPROTO_TCP, 1), MASQUERADE_HIGH);
	assert_int_equal(choose(IPPROTO_TCP, 1), MASQUERADE_LOW);
	assert_int_equal(choose(IPPROTO_TCP, 1), MASQUERADE_LOW + 0xffffffff % COUNT);
}

static void ranges(void **state)
{
	static const struct {
		__u16 low, high;
	} cases[] = {{1, 1}, {1, 65535}, {65535, 65535}, {32768, 65535}, {1024, 1025}};
	size_t i;
	int draws;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		settings_set((struct settings){.masquerade_low = cases[i].low,
					       .masquerade_high = cases[i].high});
		assert_int_equal(choose(IPPROTO_UDP, cases[i].low), cases[i].low);
		assert_int_equal(choose(IPPROTO_UDP, cases[i].high), cases[i].high);
		for (draws = 0; draws < 1000; draws++) {
			int port = choose(IPPROTO_UDP, 0);

			assert_in_range(port, cases[i].low, cases[i].high);
		}
	}
}

static void forwarded_ports_are_avoided(void **state)
{
	(void)state;
	grant_set(GRANT_TCP + MASQUERADE_LOW, (struct grant){.gen = 1, .on = 2});
	RANDOM(0, 0, 3);
	assert_int_equal(choose(IPPROTO_TCP, MASQUERADE_LOW), MASQUERADE_LOW + 3);
	/* Of the other protocol, and an echo's identifier, it is no port. */
	assert_int_equal(choose(IPPROTO_UDP, MASQUERADE_LOW), MASQUERADE_LOW);
	assert_int_equal(choose(IPPROTO_ICMP, MASQUERADE_LOW), MASQUERADE_LOW);

	grant_set(GRANT_TCP + MASQUERADE_LOW, (struct grant){.gen = 1, .on = 0});
	assert_int_equal(choose(IPPROTO_TCP, MASQUERADE_LOW), MASQUERADE_LOW);
	grant_set(GRANT_UDP + MASQUERADE_HIGH, (struct grant){.gen = 1, .on = 4});
	assert_int_not_equal(choose(IPPROTO_UDP, MASQUERADE_HIGH), MASQUERADE_HIGH);
}

/* Who forwards every port does not shut the container in. */
static void a_range_that_is_forwarded_as_a_whole(void **state)
{
	int port, chosen;

	(void)state;
	for (port = MASQUERADE_LOW; port <= MASQUERADE_HIGH; port++)
		grant_set(GRANT_TCP + port, (struct grant){.gen = 1, .on = 2});
	chosen = choose(IPPROTO_TCP, MASQUERADE_LOW);
	assert_in_range(chosen, MASQUERADE_LOW, MASQUERADE_HIGH);
}

static void taken_ports_are_avoided(void *table)
{
	take(table, IPPROTO_TCP, MASQUERADE_LOW);
	take(table, IPPROTO_ICMP, MASQUERADE_LOW);
	RANDOM(0, 7);
	assert_int_equal(choose(IPPROTO_TCP, MASQUERADE_LOW), MASQUERADE_LOW + 7);
	RANDOM(0, 7);
	assert_int_equal(choose(IPPROTO_ICMP, MASQUERADE_LOW), MASQUERADE_LOW + 7);
	assert_int_equal(choose(IPPROTO_UDP, MASQUERADE_LOW), MASQUERADE_LOW);
}

static void taken_half_open(void **state)
{
	(void)state;
	taken_ports_are_avoided(&MAP_HALF_OPEN);
}

static void taken_established(void **state)
{
	(void)state;
	taken_ports_are_avoided(&MAP_FLOWS);
}

/* Towards another destination it is free: the mapping depends on it. */
static void taken_towards_one_destination(void **state)
{
	struct tuple other_host = outgoing(IPPROTO_TCP, MASQUERADE_LOW);
	struct tuple other_port = other_host, other_zone = other_host;

	(void)state;
	take(&MAP_FLOWS, IPPROTO_TCP, MASQUERADE_LOW);
	other_host.dst = addr4(198, 51, 100, 35);
	assert_int_equal(choose_port(&other_host), 0);
	assert_int_equal(other_host.sport, bpf_htons(MASQUERADE_LOW));
	other_port.dport = bpf_htons(80);
	assert_int_equal(choose_port(&other_port), 0);
	assert_int_equal(other_port.sport, bpf_htons(MASQUERADE_LOW));
	other_zone.zone = ZONE_VPN;
	assert_int_equal(choose_port(&other_zone), 0);
	assert_int_equal(other_zone.sport, bpf_htons(MASQUERADE_LOW));
}

/* With no other port left, that of a flow that has ended is as good as free. */
static void closing_and_idle_ports_are_free(void **state)
{
	(void)state;
	one_port_only();
	take(&MAP_FLOWS, IPPROTO_TCP, MASQUERADE_LOW);
	taken_entry(&MAP_FLOWS, IPPROTO_TCP, MASQUERADE_LOW, FLOW_REPLY)->tcp[0] = TCP_SEEN_RST;
	assert_int_equal(choose(IPPROTO_TCP, MASQUERADE_LOW), MASQUERADE_LOW);
	take(&MAP_FLOWS, IPPROTO_UDP, MASQUERADE_LOW);
	kernel.jiffies += timeouts.udp + 1;
	assert_int_equal(choose(IPPROTO_UDP, MASQUERADE_LOW), MASQUERADE_LOW);
}

/* A flow is live while either direction is, an unanswered stream of datagrams too. */
static void one_way_flows_keep_their_port(void **state)
{
	(void)state;
	one_port_only();
	take(&MAP_HALF_OPEN, IPPROTO_UDP, MASQUERADE_LOW);
	kernel.jiffies += timeouts.udp + 1;
	taken_entry(&MAP_HALF_OPEN, IPPROTO_UDP, MASQUERADE_LOW, FLOW_ORIGINAL)->seen =
		kernel.jiffies;
	assert_int_equal(choose(IPPROTO_UDP, MASQUERADE_LOW), -DROP_NO_PORT);
}

/* Behind a closing flow of the one table may be a live one of the other. */
static void either_table_counts(void **state)
{
	struct tuple out = outgoing(IPPROTO_TCP, MASQUERADE_LOW), key = tuple_reversed(&out);
	struct flow *live;

	(void)state;
	take(&MAP_HALF_OPEN, IPPROTO_TCP, MASQUERADE_LOW);
	live = taken_entry(&MAP_HALF_OPEN, IPPROTO_TCP, MASQUERADE_LOW, FLOW_REPLY);
	bpf_map_update_elem(&MAP_FLOWS, &key, live, BPF_ANY);
	((struct flow *)bpf_map_lookup_elem(&MAP_FLOWS, &key))->tcp[0] = TCP_SEEN_RST;
	assert_int_not_equal(choose(IPPROTO_TCP, MASQUERADE_LOW), MASQUERADE_LOW);
}

static void take_all(__u8 proto)
{
	int port;

	for (port = MASQUERADE_LOW; port <= MASQUERADE_HIGH; port++)
		take(port % 2 ? (void *)&MAP_FLOWS : &MAP_HALF_OPEN, proto, port);
}

static void exhaustion(void **state)
{
	static const __u8 protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(protocols); i++) {
		take_all(protocols[i]);
		assert_int_equal(choose(protocols[i], MASQUERADE_LOW), -DROP_NO_PORT);
		assert_int_equal(choose(protocols[i], 1), -DROP_NO_PORT);
	}
}

static void without_settings(void **state)
{
	struct tuple out = outgoing(IPPROTO_TCP, MASQUERADE_LOW);

	(void)state;
	maps_free();
	/* The map as the kernel has it before the loader filled it in would hold zeroes. */
	map_register(&MAP_SETTINGS, BPF_MAP_TYPE_HASH, 4, sizeof(struct settings), 1);
	assert_int_equal(choose_port(&out), -DROP_NO_PORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_own_port_is_kept),
		WORLD_TEST(a_foreign_port_moves_into_the_range),
		WORLD_TEST(borders_are_drawn),
		WORLD_TEST(ranges),
		WORLD_TEST(forwarded_ports_are_avoided),
		WORLD_TEST(a_range_that_is_forwarded_as_a_whole),
		WORLD_TEST(taken_half_open),
		WORLD_TEST(taken_established),
		WORLD_TEST(taken_towards_one_destination),
		WORLD_TEST(closing_and_idle_ports_are_free),
		WORLD_TEST(one_way_flows_keep_their_port),
		WORLD_TEST(either_table_counts),
		WORLD_TEST(exhaustion),
		WORLD_TEST(without_settings),
	};

	return cmocka_run_group_tests_name("masquerade port", tests, NULL, NULL);
}
