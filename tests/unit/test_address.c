// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "address.h"

static void v4_is_kept_as_a_mapped_address(void **state)
{
	static const __u8 bytes[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 3, 2};
	union addr addr;

	(void)state;
	assert_int_equal(addr_parse("10.0.3.2", &addr), 0);
	assert_memory_equal(addr.bytes, bytes, sizeof(bytes));
	assert_true(addr_is_v4(&addr));
	addr = addr_from_v4(htonl(0x0a000302));
	assert_memory_equal(addr.bytes, bytes, sizeof(bytes));
}

static void text_survives_a_round_trip(void **state)
{
	static const char *const texts[] = {"10.0.3.2", "0.0.0.0", "255.255.255.255", "fe80::1",
					    "2001:db8::5:0:1"};
	char buffer[ENDPOINT_SIZE];
	union addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(addr_parse(texts[i], &addr), 0);
		assert_int_equal(addr_is_v4(&addr), !strchr(texts[i], ':'));
		assert_string_equal(addr_text(&addr, buffer, sizeof(buffer)), texts[i]);
	}
}

static void bad_text_leaves_the_result_alone(void **state)
{
	static const char *const texts[] = {"",		  " 10.0.3.2",	 "10.0.3.2 ",
					    "10.0.3",	  "10.0.3.256",	 "10.0.3.02",
					    "fe80::1::2", "10.0.3.2/24", "localhost"};
	union addr addr, before;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	addr = before;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(addr_parse(texts[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void only_no_bits_at_all_is_zero(void **state)
{
	union addr addr = {};

	(void)state;
	assert_true(addr_is_zero(&addr));
	assert_false(addr_is_v4(&addr));
	addr.bytes[15] = 1;
	assert_false(addr_is_zero(&addr));
	addr = addr_from_v4(0);
	assert_false(addr_is_zero(&addr));
}

static void an_endpoint_brackets_ipv6_alone(void **state)
{
	char buffer[ENDPOINT_SIZE], tight[8];
	union addr addr;

	(void)state;
	assert_int_equal(addr_parse("10.1.0.6", &addr), 0);
	assert_string_equal(endpoint_text(&addr, htons(40000), buffer, sizeof(buffer)),
			    "10.1.0.6:40000");
	assert_string_equal(endpoint_text(&addr, htons(40000), tight, sizeof(tight)), "10.1.0.");
	assert_int_equal(addr_parse("fe80::1", &addr), 0);
	assert_string_equal(endpoint_text(&addr, htons(22), buffer, sizeof(buffer)),
			    "[fe80::1]:22");
}

static void the_longest_endpoint_fits(void **state)
{
	static const char longest[] = "2001:1111:2222:3333:4444:5555:6666:7777";
	char buffer[ENDPOINT_SIZE];
	union addr addr;

	(void)state;
	assert_int_equal(addr_parse(longest, &addr), 0);
	assert_string_equal(endpoint_text(&addr, htons(65535), buffer, sizeof(buffer)),
			    "[2001:1111:2222:3333:4444:5555:6666:7777]:65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v4_is_kept_as_a_mapped_address),
		cmocka_unit_test(text_survives_a_round_trip),
		cmocka_unit_test(bad_text_leaves_the_result_alone),
		cmocka_unit_test(only_no_bits_at_all_is_zero),
		cmocka_unit_test(an_endpoint_brackets_ipv6_alone),
		cmocka_unit_test(the_longest_endpoint_fits),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
