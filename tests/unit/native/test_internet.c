// SPDX-License-Identifier: GPL-2.0-only
/* Which IPv4 addresses are the internet: each special network by its ends and their neighbours. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy.h"
#include "world.h"

/* The first and last address of a network, with what is before and after it. */
#define ADDRESS(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct range {
	__u32 first, last;
};

static bool internet(__u32 address)
{
	return is_internet(bpf_htonl(address));
}

static void check(const struct range *ranges, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct range *range = &ranges[i];

		assert_false(internet(range->first));
		assert_false(internet(range->first + (range->last - range->first) / 2));
		assert_false(internet(range->last));
		if (range->first)
			assert_true(internet(range->first - 1));
		if (range->last != 0xffffffff)
			assert_true(internet(range->last + 1));
	}
}

static void private_and_link_local(void **state)
{
	static const struct range ranges[] = {
		{ADDRESS(0, 0, 0, 0), ADDRESS(0, 255, 255, 255)},
		{ADDRESS(10, 0, 0, 0), ADDRESS(10, 255, 255, 255)},
		{ADDRESS(100, 64, 0, 0), ADDRESS(100, 127, 255, 255)},
		{ADDRESS(127, 0, 0, 0), ADDRESS(127, 255, 255, 255)},
		{ADDRESS(169, 254, 0, 0), ADDRESS(169, 254, 255, 255)},
		{ADDRESS(172, 16, 0, 0), ADDRESS(172, 31, 255, 255)},
		{ADDRESS(192, 0, 0, 0), ADDRESS(192, 0, 0, 255)},
		{ADDRESS(192, 168, 0, 0), ADDRESS(192, 168, 255, 255)},
		{ADDRESS(198, 18, 0, 0), ADDRESS(198, 19, 255, 255)},
		{ADDRESS(224, 0, 0, 0), ADDRESS(255, 255, 255, 255)},
	};

	(void)state;
	check(ranges, sizeof(ranges) / sizeof(ranges[0]));
}

static void public_addresses(void **state)
{
	static const __u32 addresses[] = {
		ADDRESS(1, 1, 1, 1),	    ADDRESS(8, 8, 8, 8),    ADDRESS(93, 184, 216, 34),
		ADDRESS(100, 63, 255, 255), ADDRESS(192, 1, 0, 0),  ADDRESS(223, 255, 255, 255),
		ADDRESS(172, 15, 0, 1),	    ADDRESS(172, 32, 0, 1), ADDRESS(199, 0, 0, 0),
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_true(internet(addresses[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(private_and_link_local),
		WORLD_TEST(public_addresses),
	};

	return cmocka_run_group_tests_name("internet", tests, NULL, NULL);
}
