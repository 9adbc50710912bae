// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "config.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define CONTAINER "[container]\ninterface = ve-c\naddress = 10.0.3.2\n"
#define HEAD "[scoutbpf]\nvpn = tap0\n"

static char path[] = "/tmp/scoutbpf-config-XXXXXX";
static char message[4096];

static void write_file(const void *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* Reads FROM; what it says on stderr is in message afterwards. */
static int read_from(const char *from, struct config *ret)
{
	FILE *capture = tmpfile();
	int saved = dup(STDERR_FILENO), err;

	assert_non_null(capture);
	fflush(stderr);
	dup2(fileno(capture), STDERR_FILENO);
	err = config_read(from, ret);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(capture);
	message[fread(message, 1, sizeof(message) - 1, capture)] = 0;
	fclose(capture);
	return err;
}

/* The text must be refused with "scoutbpf: PATH" and WANT, on one line, *ret untouched. */
static void assert_refused(const void *text, size_t length, const char *want)
{
	struct config config, before;
	char line[1024];

	memset(&before, 0x5a, sizeof(before));
	memcpy(&config, &before, sizeof(config));
	write_file(text, length);
	assert_int_equal(read_from(path, &config), -EINVAL);
	snprintf(line, sizeof(line), "scoutbpf: %s%s\n", path, want);
	assert_string_equal(message, line);
	assert_memory_equal(&config, &before, sizeof(config));
}

static struct config accepted(const char *text)
{
	struct config config;
	int err;

	write_file(text, strlen(text));
	err = read_from(path, &config);
	assert_string_equal(message, "");
	assert_int_equal(err, 0);
	return config;
}

static void assert_words(const struct words *words, size_t count, const char *const *want)
{
	assert_int_equal(words->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(words->items[i], want[i]);
}

static void the_documented_sample(void **state)
{
	static const char *const lan[] = {"eth*", "en*", "wlan*", "wl*"};
	struct config config = accepted(
		"[scoutbpf]\n"
		"vpn = tap0                          # names or globs; a missing one is waited "
		"for\n"
		"lan = eth* en* wlan* wl*\n"
		"host-control-port = 23\n"
		"lan-access = off\n"
		"host-control = off\n"
		"egress = any                        # any, internet, vpn, none\n"
		"\n"
		"[container]                         # [container NAME] for each further one\n"
		"interface = ve-container\n"
		"address = 10.0.3.2\n"
		"forward = 22 2000-2009\n");
	const struct config_container *container = config.containers;
	char text[ENDPOINT_SIZE];

	(void)state;
	assert_words(&config.vpn, 1, (const char *const[]){"tap0"});
	assert_words(&config.lan, 4, lan);
	assert_int_equal(config.host_control_port, 23);
	assert_false(config.lan_access);
	assert_false(config.host_control);
	assert_int_equal(config.egress, EGRESS_ANY);
	assert_int_equal(config.container_count, 1);
	assert_string_equal(container->name, "");
	assert_string_equal(container->ifname, "ve-container");
	assert_string_equal(addr_text(&container->address, text, sizeof(text)), "10.0.3.2");
	assert_int_equal(container->line, 9);
	assert_int_equal(container->forward_count, 2);
	assert_int_equal(container->forwards[0].first, 22);
	assert_int_equal(container->forwards[1].first, 2000);
	assert_int_equal(container->forwards[1].last, 2009);
	config_free(&config);
}

static void defaults(void **state)
{
	struct config config = accepted(HEAD CONTAINER);

	(void)state;
	assert_int_equal(config.lan.count, 0);
	assert_int_equal(config.host_control_port, 23);
	assert_false(config.lan_access);
	assert_false(config.host_control);
	assert_true(config.icmp_echo);
	assert_int_equal(config.egress, EGRESS_ANY);
	assert_int_equal(config.hook, 0);
	assert_int_equal(config.flows, DEFAULT_FLOWS);
	assert_int_equal(config.containers[0].forward_count, 0);
	config_free(&config);
}

static void every_key_in_another_value(void **state)
{
	struct config config = accepted("[container web]\n"
					"forward = 23 udp/53:5353\n"
					"address: 10.0.3.3\n"
					"interface=lxcbr0\n"
					"[scoutbpf]\n"
					"lan = eth0\n"
					"host-control-port = 2222\n"
					"lan-access = on\n"
					"host-control = on\n"
					"icmp-echo = off\n"
					"egress = internet\n"
					"hook = clsact\n"
					"flows = 1024\n"
					"[container  db]\n"
					"interface = lxcbr0\n"
					"address = 10.0.3.4\n");

	(void)state;
	assert_int_equal(config.vpn.count, 0);
	assert_int_equal(config.host_control_port, 2222);
	assert_true(config.lan_access);
	assert_true(config.host_control);
	assert_false(config.icmp_echo);
	assert_int_equal(config.egress, EGRESS_INTERNET);
	assert_int_equal(config.hook, HOOK_CLSACT);
	assert_int_equal(config.flows, 1024);
	assert_int_equal(config.container_count, 2);
	assert_string_equal(config.containers[0].name, "web");
	assert_string_equal(config.containers[1].name, "db");
	assert_int_equal(config.containers[0].forwards[1].proto, IPPROTO_UDP);
	assert_int_equal(config.containers[0].forwards[1].to_port, 5353);
	config_free(&config);
}

static void words_of_egress_and_hook(void **state)
{
	static const struct {
		const char *text;
		enum egress egress;
		enum hook hook;
	} cases[] = {
		{HEAD "egress = none\nhook = tcx\n" CONTAINER, EGRESS_NONE, HOOK_TCX},
		{HEAD "egress = vpn\nhook = auto\n" CONTAINER, EGRESS_VPN, 0},
		{HEAD "egress = any\n" CONTAINER, EGRESS_ANY, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config config = accepted(cases[i].text);

		assert_int_equal(config.egress, cases[i].egress);
		assert_int_equal(config.hook, cases[i].hook);
		config_free(&config);
	}
}

static void comments_and_blanks(void **state)
{
	static const char *const vpn[] = {"tap0", "wg#0", "tun*"};
	struct config config = accepted("# first\n; second\n\n   \t\n   # indented\n"
					"[scoutbpf]\t; of a section\r\n"
					"vpn\t=\ttap0 wg#0\ttun*\t# a comment ; # more\r\n"
					"lan = ;nothing\n"
					"\n" CONTAINER "forward =\t22\t80  443\r\n");

	(void)state;
	assert_words(&config.vpn, 3, vpn);
	assert_int_equal(config.lan.count, 0);
	assert_int_equal(config.containers[0].forward_count, 3);
	assert_int_equal(config.containers[0].forwards[2].first, 443);
	config_free(&config);
}

static void indented_lines_continue_a_list(void **state)
{
	static const char *const vpn[] = {"tap0", "tap1", "tap[2-4]", "tap5"};
	struct config config = accepted("[scoutbpf]\nvpn = tap0\n\ttap1   # why\n\n# between\n"
					"  tap[2-4] tap5\n" CONTAINER "forward =\n  22\n  80:8080");

	(void)state;
	assert_words(&config.vpn, 4, vpn);
	assert_int_equal(config.containers[0].forward_count, 2);
	assert_int_equal(config.containers[0].forwards[1].to_port, 8080);
	config_free(&config);
}

struct refusal {
	const char *text;
	const char *want;
};

static void refuse_all(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_refused(cases[i].text, strlen(cases[i].text), cases[i].want);
}

static void bad_structure(void **state)
{
	static const struct refusal cases[] = {
		{"", ": section [scoutbpf] is missing"},
		{"# nothing\n", ": section [scoutbpf] is missing"},
		{CONTAINER, ": section [scoutbpf] is missing"},
		{HEAD, ": section [container] is missing"},
		{"[scoutbpf]\n" CONTAINER, ":1: vpn: neither vpn nor lan names an interface"},
		{"[scoutbpf]\nvpn =\n" CONTAINER,
		 ":1: vpn: neither vpn nor lan names an interface"},
		{HEAD "[container]\naddress = 10.0.3.2\n", ":3: interface: missing in [container]"},
		{HEAD "[container web]\ninterface = ve-c\n",
		 ":3: address: missing in [container web]"},
		{HEAD "[container web]\n" CONTAINER, ":3: interface: missing in [container web]"},
		{"vpn = tap0\n", ":1: vpn: stands before the first section"},
		{"  [scoutbpf]\nvpn = tap0\n",
		 ":2: vpn: follows a [section] that does not start its line"},
		{HEAD "[scout]\n", ":3: scout: unknown section"},
		{HEAD "[containers]\n", ":3: containers: unknown section"},
		{HEAD "[SCOUTBPF]\n", ":3: SCOUTBPF: unknown section"},
		{HEAD "[]\n", ":3: : unknown section"},
		{HEAD "[container\n", ":3: [container is not a [section]"},
		{HEAD "[container] web\n", ":3: [container] web is not a [section]"},
		{HEAD "[container a/b]\n", ":3: container a/b: \"a/b\" is not a container's name"},
		{HEAD "[container a b]\n", ":3: container a b: \"a b\" is not a container's name"},
		{HEAD "[container a1234567890123456789012345678901]\n",
		 ":3: container a1234567890123456789012345678901: "
		 "\"a1234567890123456789012345678901\" is not a container's name"},
		{HEAD "[container a123456789012345678901234567890123456789]\n",
		 ":3: [container a123456789012345678901234567890123456789]... is too long"},
		{HEAD "[scoutbpf]\n", ":3: scoutbpf: given twice, first in line 1"},
		{HEAD CONTAINER CONTAINER, ":6: container: given twice, first in line 3"},
		{HEAD "[container a]\n[container  a]\n",
		 ":4: container  a: given twice, first in line 3"},
		{HEAD "vpm = tap1\n", ":3: vpm: unknown key in [scoutbpf]"},
		{HEAD "VPN = tap1\n", ":3: VPN: unknown key in [scoutbpf]"},
		{HEAD "address = 10.0.3.2\n", ":3: address: unknown key in [scoutbpf]"},
		{HEAD "[container]\nvpn = tap1\n", ":4: vpn: unknown key in [container]"},
		{HEAD "vpn = tap1\n", ":3: vpn: given twice, first in line 2"},
		{HEAD CONTAINER "forward = 22\nforward = 80\n",
		 ":7: forward: given twice, first in line 6"},
		{HEAD "egress = any\n  none\n",
		 ":4: egress: takes one value, an indented line continues it"},
		{HEAD "  lan = eth0\n",
		 ":3: vpn: continued by an indented line that looks like a key"},
		{HEAD "lan eth0\n" CONTAINER, ":3: neither a [section] nor KEY = VALUE"},
	};

	(void)state;
	refuse_all(cases, COUNT(cases));
}

static void bad_values(void **state)
{
	static const struct refusal cases[] = {
		{HEAD "host-control-port = 0\n",
		 ":3: host-control-port: 0 is out of range (1-65535)"},
		{HEAD "host-control-port = 65536\n",
		 ":3: host-control-port: 65536 is out of range (1-65535)"},
		{HEAD "host-control-port = +23\n",
		 ":3: host-control-port: \"+23\" is not a number"},
		{HEAD "host-control-port = 23 24\n",
		 ":3: host-control-port: \"23 24\" is not a number"},
		{HEAD "host-control-port =\n", ":3: host-control-port: \"\" is not a number"},
		{HEAD "flows = 1023\n", ":3: flows: 1023 is out of range (1024-4194304)"},
		{HEAD "flows = 4194305\n", ":3: flows: 4194305 is out of range (1024-4194304)"},
		{HEAD "flows = 18446744073709552640\n",
		 ":3: flows: 18446744073709552640 is out of range (1024-4194304)"},
		{HEAD "flows = 32k\n", ":3: flows: \"32k\" is not a number"},
		{HEAD "lan-access = yes\n", ":3: lan-access: \"yes\" is not on or off"},
		{HEAD "host-control = ON\n", ":3: host-control: \"ON\" is not on or off"},
		{HEAD "icmp-echo =\n", ":3: icmp-echo: \"\" is not on or off"},
		{HEAD "egress = all\n", ":3: egress: \"all\" is not any, internet, vpn or none"},
		{HEAD "hook = tc\n", ":3: hook: \"tc\" is not auto, tcx or clsact"},
	};

	(void)state;
	refuse_all(cases, COUNT(cases));
}

static void bad_interfaces(void **state)
{
	static const struct refusal cases[] = {
		{HEAD "lan = eth0,eth1\n",
		 ":3: lan: interfaces are separated by blanks, not by commas"},
		{HEAD "lan = eth0 a/b\n", ":3: lan: \"a/b\" is not an interface name"},
		{HEAD "lan = eth0:1\n", ":3: lan: \"eth0:1\" is not an interface name"},
		{HEAD "lan = \"eth0\"\n", ":3: lan: \"\"eth0\"\" is not an interface name"},
		{HEAD "lan = .\n", ":3: lan: \".\" is not an interface name"},
		{HEAD "lan = ..\n", ":3: lan: \"..\" is not an interface name"},
		{HEAD "lan = a234567890123456\n",
		 ":3: lan: interface name a234567890123456 is longer than 15 characters"},
		{HEAD "lan = lo\n",
		 ":3: lan: lo is the loopback interface, which is never guarded"},
		{HEAD "lan = eth0 tap0\n" CONTAINER, ":3: lan: overlap: tap0 is also in vpn"},
		{"[scoutbpf]\nvpn = e*\nlan = e*\n" CONTAINER,
		 ":3: lan: overlap: e* is also in vpn"},
		{CONTAINER "[scoutbpf]\nvpn = ve-c\n", ":2: interface: ve-c is also in vpn"},
		{CONTAINER HEAD "lan = ve-c\n", ":2: interface: ve-c is also in lan"},
		{HEAD "[container]\ninterface = ve-*\n",
		 ":4: interface: ve-* is a pattern; a container has one interface"},
		{HEAD "[container]\ninterface = a b\n",
		 ":4: interface: \"a b\" is not one interface name"},
		{HEAD "[container]\ninterface =\n",
		 ":4: interface: \"\" is not one interface name"},
		{HEAD "[container]\ninterface = lo\n",
		 ":4: interface: lo is the loopback interface, which is never guarded"},
	};

	(void)state;
	refuse_all(cases, COUNT(cases));
}

static void bad_addresses(void **state)
{
	static const struct refusal cases[] = {
		{HEAD "[container]\naddress = fe80::1\n",
		 ":4: address: \"fe80::1\" is not an IPv4 address, which is expected"},
		{HEAD "[container]\naddress = 10.0.3.2/24\n",
		 ":4: address: \"10.0.3.2/24\" is not an IPv4 address, which is expected"},
		{HEAD "[container]\naddress =\n",
		 ":4: address: \"\" is not an IPv4 address, which is expected"},
		{HEAD "[container]\naddress = 0.1.2.3\n",
		 ":4: address: 0.1.2.3 is not a unicast address of a machine"},
		{HEAD "[container]\naddress = 127.0.0.1\n",
		 ":4: address: 127.0.0.1 is not a unicast address of a machine"},
		{HEAD "[container]\naddress = 224.0.0.1\n",
		 ":4: address: 224.0.0.1 is not a unicast address of a machine"},
		{HEAD "[container]\naddress = 255.255.255.255\n",
		 ":4: address: 255.255.255.255 is not a unicast address of a machine"},
		{HEAD CONTAINER "[container b]\ninterface = br0\naddress = 10.0.3.2\n",
		 ":8: address: 10.0.3.2 is already the address of [container]"},
	};

	(void)state;
	refuse_all(cases, COUNT(cases));
}

static void bad_forwards(void **state)
{
	static const struct refusal cases[] = {
		{HEAD CONTAINER "forward = 22 70000\n",
		 ":6: forward: port 70000 is out of range (1-65535)"},
		{HEAD CONTAINER "forward = 22\n  80\n  20-10\n",
		 ":8: forward: range 20-10 runs backwards"},
		{HEAD CONTAINER "forward = 22,80\n",
		 ":6: forward: ports are separated by blanks, not by commas"},
		{HEAD CONTAINER "forward = 80:web:80\n",
		 ":6: forward: 80:web:80 names a container; the section says which"},
		{HEAD CONTAINER "forward = 60000-65535:65000\n",
		 ":6: forward: target range 65000-70535 runs past 65535"},
		{HEAD CONTAINER "forward = 2000-2009 2009:80\n",
		 ":6: forward: 2009:80 overlaps tcp/2000-2009 of [container]"},
		{HEAD "[container web]\nforward = udp/53\n" CONTAINER "forward = 53 udp/50-60\n",
		 ":8: forward: udp/50-60 overlaps udp/53 of [container web]"},
		{HEAD CONTAINER "forward = 22 24\n  20-21 23\n",
		 ":7: forward: tcp/23 covers the host-control port 23"},
		{CONTAINER "forward = 2000-2009\n" HEAD "host-control-port = 2005\n",
		 ":4: forward: tcp/2000-2009 covers the host-control port 2005"},
		{"[container web]\ninterface = br0\naddress = 10.0.3.3\nforward = 22\n" CONTAINER
		 "forward = 80\n" HEAD "host-control-port = 80\n",
		 ":8: forward: tcp/80 covers the host-control port 80"},
	};

	(void)state;
	refuse_all(cases, COUNT(cases));
}

static void a_udp_forward_may_use_the_host_control_number(void **state)
{
	struct config config = accepted(HEAD CONTAINER "forward = udp/23\n");

	(void)state;
	assert_int_equal(config.containers[0].forward_count, 1);
	config_free(&config);
}

/* The library's line buffer must never cut a value: what does not fit is refused. */
static void a_long_line_is_never_cut(void **state)
{
	(void)state;
	for (size_t ports = 1; ports <= 800; ports++) {
		char text[8192];
		struct config config;
		size_t used = snprintf(text, sizeof(text), HEAD CONTAINER "forward =");

		for (size_t i = 0; i < ports; i++)
			used += snprintf(text + used, sizeof(text) - used, " %zu", 1000 + i);
		write_file(text, used);
		if (read_from(path, &config)) {
			assert_non_null(strstr(message, ":6: longer than "));
			assert_true(ports > 20);
			continue;
		}
		assert_int_equal(config.containers[0].forward_count, ports);
		assert_int_equal(config.containers[0].forwards[ports - 1].first, 999 + ports);
		config_free(&config);
	}
}

static void a_long_list_and_a_long_comment_fit(void **state)
{
	char text[65536];
	size_t used = snprintf(text, sizeof(text), "# %04000d\n" HEAD CONTAINER "forward =", 0);
	struct config config;

	(void)state;
	for (int i = 0; i < 5000; i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%d", i % 20 ? " " : "\n ",
				 1000 + i);
	config = accepted(text);
	assert_int_equal(config.containers[0].forward_count, 5000);
	assert_int_equal(config.containers[0].forwards[4999].first, 5999);
	config_free(&config);
}

static void a_zero_byte_is_refused(void **state)
{
	static const char text[] = HEAD "egress = any\0thing\n" CONTAINER;

	(void)state;
	assert_refused(text, sizeof(text) - 1, ":3: a zero byte");
}

static void the_number_of_containers_is_bounded(void **state)
{
	char text[16384], want[128];
	size_t used = snprintf(text, sizeof(text), HEAD);
	struct config config;

	(void)state;
	for (int i = 0; i < MAX_CONTAINERS; i++)
		used += snprintf(text + used, sizeof(text) - used,
				 "[container c%d]\ninterface = br0\naddress = 10.0.3.%d\n", i,
				 i + 1);
	config = accepted(text);
	assert_int_equal(config.container_count, MAX_CONTAINERS);
	config_free(&config);
	used += snprintf(text + used, sizeof(text) - used, "[container more]\n");
	snprintf(want, sizeof(want), ":%d: container more: more than %d containers",
		 3 + 3 * MAX_CONTAINERS, MAX_CONTAINERS);
	assert_refused(text, used, want);
}

static void unreadable_files(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_from("/nonexistent/scoutbpf.conf", &config), -ENOENT);
	assert_string_equal(message,
			    "scoutbpf: /nonexistent/scoutbpf.conf: No such file or directory\n");
	assert_int_equal(read_from("/", &config), -EISDIR);
	assert_string_equal(message, "scoutbpf: /: Is a directory\n");
}

static void standard_input(void **state)
{
	static const char good[] = HEAD CONTAINER;
	static const char bad[] = HEAD "hook = tc\n";
	struct config config;

	(void)state;
	write_file(good, sizeof(good) - 1);
	assert_non_null(freopen(path, "r", stdin));
	assert_int_equal(read_from("-", &config), 0);
	config_free(&config);
	write_file(bad, sizeof(bad) - 1);
	assert_non_null(freopen(path, "r", stdin));
	assert_int_equal(read_from("-", &config), -EINVAL);
	assert_string_equal(message, "scoutbpf: standard input:3: hook: \"tc\" is not auto, "
				     "tcx or clsact\n");
}

static void roles(void **state)
{
	struct config config = accepted("[scoutbpf]\nvpn = t* eth[0-1]\nlan = tap7 *\n"
					"[container]\ninterface = ve-a\naddress = 10.0.3.2\n"
					"[container b]\ninterface = tbr\naddress = 10.0.3.3\n");
	size_t slot = 77;

	(void)state;
	assert_int_equal(config_role(&config, "lo", &slot), 0);
	assert_int_equal(config_role(&config, "tap0", &slot), ZONE_VPN);
	assert_int_equal(config_role(&config, "tap7", &slot), ZONE_LAN);
	assert_int_equal(config_role(&config, "eth1", &slot), ZONE_VPN);
	assert_int_equal(config_role(&config, "eth2", &slot), ZONE_LAN);
	assert_int_equal(slot, 77);
	assert_int_equal(config_role(&config, "ve-a", NULL), ZONE_CONTAINER);
	assert_int_equal(config_role(&config, "tbr", &slot), ZONE_CONTAINER);
	assert_int_equal(slot, 1);
	config_free(&config);

	config = accepted("[scoutbpf]\nvpn = tap0\nlan = tap*\n" CONTAINER);
	assert_int_equal(config_role(&config, "tap0", NULL), ZONE_VPN);
	assert_int_equal(config_role(&config, "tap1", NULL), ZONE_LAN);
	assert_int_equal(config_role(&config, "eth0", NULL), 0);
	config_free(&config);
	config_free(NULL);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documented_sample),
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_key_in_another_value),
		cmocka_unit_test(words_of_egress_and_hook),
		cmocka_unit_test(comments_and_blanks),
		cmocka_unit_test(indented_lines_continue_a_list),
		cmocka_unit_test(bad_structure),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(bad_interfaces),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(bad_forwards),
		cmocka_unit_test(a_udp_forward_may_use_the_host_control_number),
		cmocka_unit_test(a_long_line_is_never_cut),
		cmocka_unit_test(a_long_list_and_a_long_comment_fit),
		cmocka_unit_test(a_zero_byte_is_refused),
		cmocka_unit_test(the_number_of_containers_is_bounded),
		cmocka_unit_test(unreadable_files),
		cmocka_unit_test(standard_input),
		cmocka_unit_test(roles),
	};

	return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
