// SPDX-License-Identifier: GPL-2.0-only
/* How long what was granted stands: generations, switches and the boot-time clock. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy.h"
#include "world.h"

#define DOOR (GRANT_TCP + 22)
#define END 5000000000ULL

static const struct lease from_vpn = {.grant = DOOR, .gen = 7};
static const struct lease from_lan = {.grant = DOOR, .gen = 7, .lan_gen = 9};
static const struct lease free_of_all;

static int doors_open(void **state)
{
	world_reset(state);
	grant_set(DOOR, (struct grant){.gen = 7, .on = 6});
	grant_set(GRANT_LAN, (struct grant){.gen = 9, .on = 1});
	return 0;
}

static void open_doors(void **state)
{
	(void)state;
	assert_true(lease_live(&from_vpn));
	assert_true(lease_live(&from_lan));
	assert_true(lease_live(&free_of_all));
}

static void every_change_ends_the_lease(void **state)
{
	static const struct grant changes[] = {
		{.gen = 8, .on = 6}, /* revoked and granted again */
		{.gen = 6, .on = 6}, {.gen = 7, .on = 0},
		{.gen = 0, .on = 0}, {.gen = 7, .on = 6, .expires = 1}, /* long past */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		grant_set(DOOR, changes[i]);
		assert_false(lease_live(&from_vpn));
		assert_false(lease_live(&from_lan));
		assert_true(lease_live(&free_of_all));
	}
}

/* Another target of the port, or another door, concerns no flow that is there. */
static void what_does_not_end_it(void **state)
{
	(void)state;
	grant_set(DOOR + 1, (struct grant){.gen = 1});
	grant_set(GRANT_HOST_CONTROL, (struct grant){.gen = 1});
	assert_true(lease_live(&from_lan));
}

static void lan_access_toggled(void **state)
{
	(void)state;
	grant_set(GRANT_LAN, (struct grant){.gen = 9, .on = 0});
	assert_false(lease_live(&from_lan));
	assert_true(lease_live(&from_vpn));
	grant_set(GRANT_LAN, (struct grant){.gen = 10, .on = 1});
	assert_false(lease_live(&from_lan)); /* a flow that was cut stays cut */
	assert_true(lease_live(&from_vpn));
	grant_set(GRANT_LAN, (struct grant){.gen = 9, .on = 1, .expires = 1});
	assert_false(lease_live(&from_lan));
}

static void an_index_that_is_no_grant(void **state)
{
	const struct lease lost = {.grant = GRANT_COUNT, .gen = 7};

	(void)state;
	assert_false(lease_live(&lost));
	assert_int_equal(grant_now(GRANT_COUNT).on, 0);
}

static bool open_at(__u64 when)
{
	bool live;

	kernel.boot_ns = when;
	live = lease_live(&from_vpn);
	assert_int_equal(!!grant_now(DOOR).on, live);
	return live;
}

static void expiry_to_the_nanosecond(void **state)
{
	(void)state;
	grant_set(DOOR, (struct grant){.gen = 7, .on = 6, .expires = END});
	assert_true(open_at(0));
	assert_true(open_at(END - 1));
	assert_false(open_at(END));
	assert_false(open_at(END + 1));
	assert_false(open_at(~0ULL));
}

static void expiry_of_lan_access(void **state)
{
	(void)state;
	grant_set(GRANT_LAN, (struct grant){.gen = 9, .on = 1, .expires = END});
	kernel.boot_ns = END - 1;
	assert_true(lease_live(&from_lan));
	kernel.boot_ns = END;
	assert_false(lease_live(&from_lan));
	assert_true(lease_live(&from_vpn));
}

/* A new packet meets the same end as a flow does. */
static void expiry_refuses_new_flows(void **state)
{
	struct packet packet = {
		.tuple = {.dport = bpf_htons(22), .proto = IPPROTO_TCP, .zone = ZONE_LAN},
		.v4 = 1,
		.tcp = TCP_SYN,
	};

	(void)state;
	grant_set(DOOR, (struct grant){.gen = 7, .on = 6, .expires = END});
	grant_set(GRANT_LAN, (struct grant){.gen = 9, .on = 1, .expires = END - 10});
	kernel.boot_ns = END - 11;
	assert_int_equal(policy_outside(&packet).action, ACTION_FORWARD);
	kernel.boot_ns = END - 10;
	assert_int_equal(policy_outside(&packet).reason, DROP_LAN_OFF);
	kernel.boot_ns = END;
	assert_int_equal(policy_outside(&packet).reason, DROP_PORT_CLOSED);
}

static void expiry_of_host_control(void **state)
{
	struct packet packet = {
		.tuple = {.dport = bpf_htons(HOST_CONTROL_PORT),
			  .proto = IPPROTO_TCP,
			  .zone = ZONE_VPN},
		.v4 = 1,
		.tcp = TCP_SYN,
	};

	(void)state;
	grant_set(GRANT_HOST_CONTROL, (struct grant){.gen = 1, .on = 1, .expires = END});
	kernel.boot_ns = END - 1;
	assert_int_equal(policy_outside(&packet).action, ACTION_HOST);
	kernel.boot_ns = END;
	assert_int_equal(policy_outside(&packet).reason, DROP_HOST_CONTROL_OFF);
}

/* The clock costs more than the rest of the question: only grants that end ask it. */
static void clock_is_read_only_for_an_end(void **state)
{
	(void)state;
	assert_true(lease_live(&from_lan));
	assert_int_equal(kernel.boot_clock_reads, 0);
	grant_set(DOOR, (struct grant){.gen = 7, .on = 6, .expires = END});
	assert_true(lease_live(&from_lan));
	assert_int_equal(kernel.boot_clock_reads, 1);
}

#define DOOR_TEST(function) cmocka_unit_test_setup_teardown(function, doors_open, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOOR_TEST(open_doors),
		DOOR_TEST(every_change_ends_the_lease),
		DOOR_TEST(what_does_not_end_it),
		DOOR_TEST(lan_access_toggled),
		DOOR_TEST(an_index_that_is_no_grant),
		DOOR_TEST(expiry_to_the_nanosecond),
		DOOR_TEST(expiry_of_lan_access),
		DOOR_TEST(expiry_refuses_new_flows),
		DOOR_TEST(expiry_of_host_control),
		DOOR_TEST(clock_is_read_only_for_an_end),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
