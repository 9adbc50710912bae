// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "spec.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void good_specs(void **state)
{
	static const struct {
		const char *text;
		struct port_spec spec;
	} cases[] = {
		{"22", {IPPROTO_TCP, 22, 22, false, 22, ""}},
		{"1", {IPPROTO_TCP, 1, 1, false, 1, ""}},
		{"65535", {IPPROTO_TCP, 65535, 65535, false, 65535, ""}},
		{"1-65535", {IPPROTO_TCP, 1, 65535, false, 1, ""}},
		{"5-5", {IPPROTO_TCP, 5, 5, false, 5, ""}},
		{"tcp/2000-2009", {IPPROTO_TCP, 2000, 2009, false, 2000, ""}},
		{"udp/53", {IPPROTO_UDP, 53, 53, false, 53, ""}},
		{"8080:80", {IPPROTO_TCP, 8080, 8080, true, 80, ""}},
		{"80:80", {IPPROTO_TCP, 80, 80, true, 80, ""}},
		{"1-536:65000", {IPPROTO_TCP, 1, 536, true, 65000, ""}},
		{"udp/7000-7009:web-1:8000", {IPPROTO_UDP, 7000, 7009, true, 8000, "web-1"}},
		{"80:90:100", {IPPROTO_TCP, 80, 80, true, 100, "90"}},
		{"tcp/65535:a123456789012345678901234567890:65535",
		 {IPPROTO_TCP, 65535, 65535, true, 65535, "a123456789012345678901234567890"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct port_spec *want = &cases[i].spec;
		struct port_spec spec;
		const char *why;

		assert_int_equal(port_spec_parse(cases[i].text, &spec, &why), 0);
		assert_int_equal(spec.proto, want->proto);
		assert_int_equal(spec.first, want->first);
		assert_int_equal(spec.last, want->last);
		assert_int_equal(spec.mapped, want->mapped);
		assert_int_equal(spec.to_port, want->to_port);
		assert_string_equal(spec.container, want->container);
	}
}

static void bad_specs_say_why(void **state)
{
	static const char *const cases[][2] = {
		{"", "a port is missing"},
		{"-", "a port is missing"},
		{"22-", "a port is missing"},
		{"-22", "a port is missing"},
		{"tcp/", "a port is missing"},
		{"22:", "a port is missing"},
		{"22:web:", "a port is missing"},
		{"0", "port 0 is out of range (1-65535)"},
		{"0-10", "port 0 is out of range (1-65535)"},
		{"22:0", "port 0 is out of range (1-65535)"},
		{"70000", "port 70000 is out of range (1-65535)"},
		{"65536", "port 65536 is out of range (1-65535)"},
		{"18446744073709551617", "port 18446744073709551617 is out of range (1-65535)"},
		{"20-10", "range 20-10 runs backwards"},
		{"1-2-3", "port 2-3 is not a number"},
		{"ssh", "port ssh is not a number"},
		{"+22", "port +22 is not a number"},
		{" 22", "port  22 is not a number"},
		{"22 ", "port 22  is not a number"},
		{"0x16", "port 0x16 is not a number"},
		{"22:80-90", "port 80-90 is not a number"},
		{"1:a:b:2", "port b:2 is not a number"},
		{"80::90", "\"\" is not a container's name"},
		{"80:-web:90", "\"-web\" is not a container's name"},
		{"80:we/b:90", "protocol \"80:we\" is not tcp or udp"},
		{"80:a1234567890123456789012345678901:90",
		 "\"a1234567890123456789012345678901\" is not a container's name"},
		{"sctp/80", "protocol \"sctp\" is not tcp or udp"},
		{"TCP/80", "protocol \"TCP\" is not tcp or udp"},
		{"/80", "protocol \"\" is not tcp or udp"},
		{"22,80", "ports are separated by blanks, not by commas"},
		{"1-537:65000", "target range 65000-65536 runs past 65535"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct port_spec spec, before;
		const char *why = NULL;

		memset(&before, 0x5a, sizeof(before));
		spec = before;
		assert_int_equal(port_spec_parse(cases[i][0], &spec, &why), -EINVAL);
		assert_string_equal(why, cases[i][1]);
		assert_memory_equal(&spec, &before, sizeof(spec));
	}
}

static void an_endless_spec_is_refused(void **state)
{
	char text[4096];
	struct port_spec spec;
	const char *why;

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(port_spec_parse(text, &spec, &why), -EINVAL);
	assert_string_equal(why, "11111111111111111111... is too long for a port");
}

static void overlap_needs_protocol_and_port(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{"22", "22", true},	{"22", "udp/22", false},   {"20-30", "30-40", true},
		{"20-30", "31", false}, {"20-30", "25:80", true},  {"20-30", "19", false},
		{"1-65535", "7", true}, {"20:99", "99:20", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct port_spec a, b;
		const char *why;

		assert_int_equal(port_spec_parse(cases[i].a, &a, &why), 0);
		assert_int_equal(port_spec_parse(cases[i].b, &b, &why), 0);
		assert_int_equal(port_spec_overlaps(&a, &b), cases[i].overlaps);
		assert_int_equal(port_spec_overlaps(&b, &a), cases[i].overlaps);
	}
}

static void each_port_has_its_grant(void **state)
{
	(void)state;
	assert_int_equal(grant_of_port(IPPROTO_TCP, 22), 22);
	assert_int_equal(grant_of_port(IPPROTO_TCP, 65535), GRANT_UDP - 1);
	assert_int_equal(grant_of_port(IPPROTO_UDP, 0), GRANT_UDP);
	assert_int_equal(grant_of_port(IPPROTO_UDP, 65535), GRANT_HOST_CONTROL - 1);
	assert_string_equal(proto_name(IPPROTO_TCP), "tcp");
	assert_string_equal(proto_name(IPPROTO_UDP), "udp");
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int err;
		__u64 seconds;
	} cases[] = {
		{"90s", 0, 90},
		{"30m", 0, 1800},
		{"2h", 0, 7200},
		{"7d", 0, 604800},
		{"1s", 0, 1},
		{"4294967295s", 0, 4294967295},
		{"49710d", 0, 4294944000},
		{"4294967296s", -ERANGE, 0},
		{"49711d", -ERANGE, 0},
		{"99999999999999999999d", -ERANGE, 0},
		{"9999999999999999999999999999999999999999s", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"90", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"0s", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"+1s", -EINVAL, 0},
		{" 1s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1w", -EINVAL, 0},
		{"1h30m", -EINVAL, 0},
		{"1.5h", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		__u64 seconds = 77;

		assert_int_equal(duration_parse(cases[i].text, &seconds), cases[i].err);
		assert_int_equal(seconds, cases[i].err ? 77 : cases[i].seconds);
	}
}

static void numbers_are_strictly_decimal(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "1.0"};
	__u64 number = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(number_parse(bad[i], 100, &number), -EINVAL);
	assert_int_equal(number_parse("101", 100, &number), -ERANGE);
	assert_int_equal(number_parse("5", 4, &number), -ERANGE);
	assert_int_equal(number_parse("18446744073709551616", UINT64_MAX, &number), -ERANGE);
	assert_int_equal(number, 77);
	assert_int_equal(number_parse("100", 100, &number), 0);
	assert_int_equal(number, 100);
	assert_int_equal(number_parse("18446744073709551615", UINT64_MAX, &number), 0);
	assert_true(number == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_specs),
		cmocka_unit_test(bad_specs_say_why),
		cmocka_unit_test(an_endless_spec_is_refused),
		cmocka_unit_test(overlap_needs_protocol_and_port),
		cmocka_unit_test(each_port_has_its_grant),
		cmocka_unit_test(durations),
		cmocka_unit_test(numbers_are_strictly_decimal),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
