// SPDX-License-Identifier: GPL-2.0-only
/* Everything here happens in two network namespaces that live as long as this process. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "address.h"
#include "links.h"

#define MANY 60

static const char *missing; /* what keeps the tests from running */
static pid_t elsewhere; /* a process in the other namespace */
static int leash = -1; /* closed: it ends */

static void need_lab(void)
{
	if (!missing)
		return;
	print_message("skipped: %s\n", missing);
	skip();
}

static int ip(const char *format, ...)
{
	char command[512];
	va_list args;
	int used = snprintf(command, sizeof(command), "ip ");

	va_start(args, format);
	vsnprintf(command + used, sizeof(command) - used, format, args);
	va_end(args);
	return system(command);
}

/* A process that does nothing in a namespace of its own until LEASH is closed. */
static int start_elsewhere(void)
{
	int ready[2], hold[2];
	ssize_t length;
	char byte;

	if (pipe(ready) || pipe(hold))
		return -1;
	elsewhere = fork();
	if (elsewhere < 0)
		return -1;
	if (!elsewhere) {
		close(ready[0]);
		close(hold[1]);
		if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	close(ready[1]);
	close(hold[0]);
	leash = hold[1];
	length = read(ready[0], &byte, 1);
	close(ready[0]);
	return length == 1 ? 0 : -1;
}

static int make_lab(void **state)
{
	(void)state;
	if (geteuid()) {
		missing = "needs root, for a network namespace";
		return 0;
	}
	if (unshare(CLONE_NEWNET)) {
		missing = "needs the right to make a network namespace";
		return 0;
	}
	return start_elsewhere() || ip("link add near type veth peer name far") ||
	       ip("link set far netns %d", elsewhere) ||
	       ip("link add here type veth peer name there") || ip("link add bridge0 type bridge");
}

static int remove_lab(void **state)
{
	(void)state;
	if (leash >= 0)
		close(leash);
	if (elsewhere > 0)
		waitpid(elsewhere, NULL, 0);
	return 0;
}

static struct links snapshot(void)
{
	struct links links;

	assert_int_equal(links_read(&links), 0);
	return links;
}

static const struct link *named(const struct links *links, const char *name)
{
	const struct link *link = links_by_name(links, name);

	assert_non_null(link);
	assert_ptr_equal(links_by_index(links, link->ifindex), link);
	return link;
}

static const struct link_address *address_of(const struct links *links, const char *text)
{
	union addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	for (size_t i = 0; i < links->address_count; i++)
		if (!memcmp(&links->addresses[i].address, &addr, sizeof(addr)))
			return &links->addresses[i];
	return NULL;
}

static void kinds_of_links(void **state)
{
	struct links links;
	const struct link *link;

	(void)state;
	need_lab();
	links = snapshot();
	link = named(&links, "lo");
	assert_true(link->loopback);
	assert_false(link->ethernet);
	link = named(&links, "bridge0");
	assert_string_equal(link->kind, "bridge");
	assert_true(link->ethernet);
	assert_false(link->loopback);
	assert_false(link->peer_elsewhere);
	assert_string_equal(named(&links, "near")->kind, "veth");
	assert_null(links_by_name(&links, "far"));
	assert_null(links_by_name(&links, ""));
	assert_null(links_by_index(&links, 0));
	links_free(&links);
	assert_null(links.links);
	links_free(&links);
	links_free(NULL);
}

static void a_veth_knows_where_its_peer_is(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	links = snapshot();
	assert_true(named(&links, "near")->peer_elsewhere);
	assert_false(named(&links, "here")->peer_elsewhere);
	assert_false(named(&links, "there")->peer_elsewhere);
	links_free(&links);
}

static void a_veth_has_a_carrier_when_both_ends_are_up(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	assert_int_equal(ip("link set here up"), 0);
	links = snapshot();
	assert_true(named(&links, "here")->up);
	assert_false(named(&links, "here")->carrier);
	assert_false(named(&links, "there")->up);
	links_free(&links);
	assert_int_equal(ip("link set there up"), 0);
	links = snapshot();
	assert_true(named(&links, "here")->carrier);
	assert_true(named(&links, "there")->carrier);
	links_free(&links);
}

static void a_tun_is_bare_ip_and_a_tap_is_ethernet(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	if (access("/dev/net/tun", R_OK | W_OK)) {
		print_message("skipped: needs /dev/net/tun\n");
		skip();
	}
	assert_int_equal(ip("tuntap add dev tun7 mode tun"), 0);
	assert_int_equal(ip("tuntap add dev tap7 mode tap"), 0);
	links = snapshot();
	assert_string_equal(named(&links, "tun7")->kind, "tun");
	assert_false(named(&links, "tun7")->ethernet);
	assert_false(named(&links, "tun7")->loopback);
	assert_string_equal(named(&links, "tap7")->kind, "tun");
	assert_true(named(&links, "tap7")->ethernet);
	links_free(&links);
}

static void the_own_end_of_a_point_to_point_address(void **state)
{
	const struct link_address *address;
	struct links links;

	(void)state;
	need_lab();
	assert_int_equal(ip("addr add 10.9.0.1 peer 10.9.0.2/32 dev bridge0"), 0);
	links = snapshot();
	address = address_of(&links, "10.9.0.1");
	assert_non_null(address);
	assert_null(address_of(&links, "10.9.0.2"));
	assert_int_equal(address->ifindex, named(&links, "bridge0")->ifindex);
	assert_int_equal(address->family, AF_INET);
	assert_int_equal(address->prefix, 32);
	assert_true(address->global);
	assert_false(address->secondary);
	assert_false(address->deprecated);
	links_free(&links);
}

static void flags_of_addresses(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	assert_int_equal(ip("addr add 10.8.0.1/24 dev here preferred_lft 0"), 0);
	assert_int_equal(ip("addr add 10.8.0.2/24 dev here"), 0);
	assert_int_equal(ip("addr add 169.254.8.1/16 dev here scope link"), 0);
	links = snapshot();
	assert_true(address_of(&links, "10.8.0.1")->deprecated);
	assert_false(address_of(&links, "10.8.0.1")->secondary);
	assert_true(address_of(&links, "10.8.0.2")->secondary);
	assert_false(address_of(&links, "10.8.0.2")->deprecated);
	assert_int_equal(address_of(&links, "10.8.0.2")->prefix, 24);
	assert_false(address_of(&links, "169.254.8.1")->global);
	links_free(&links);
	assert_int_equal(ip("addr flush dev here"), 0);
}

static void assert_source(const struct links *links, const char *name, __u8 family,
			  const char *want)
{
	union addr source = links_source(links, named(links, name)->ifindex, family);
	char text[ENDPOINT_SIZE];

	assert_string_equal(addr_text(&source, text, sizeof(text)), want);
}

static void the_source_is_the_first_usable_global_address(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	links = snapshot();
	assert_source(&links, "there", AF_INET, "::");
	links_free(&links);
	assert_int_equal(ip("addr add 169.254.8.1/16 dev there scope link"), 0);
	assert_int_equal(ip("addr add 10.7.0.1/24 dev there preferred_lft 0"), 0);
	links = snapshot();
	assert_source(&links, "there", AF_INET, "::");
	links_free(&links);
	assert_int_equal(ip("addr add 10.7.1.1/24 dev there"), 0);
	assert_int_equal(ip("addr add 10.7.2.1/24 dev there"), 0);
	links = snapshot();
	assert_source(&links, "there", AF_INET, "10.7.1.1");
	links_free(&links);
}

static void an_ipv6_address_counts_once_it_is_settled(void **state)
{
	struct links links;

	(void)state;
	need_lab();
	if (access("/proc/net/if_inet6", R_OK)) {
		print_message("skipped: needs IPv6\n");
		skip();
	}
	/* Duplicate address detection waits for the link to come up. */
	assert_int_equal(ip("addr add 2001:db8::1/64 dev near"), 0);
	links = snapshot();
	assert_true(address_of(&links, "2001:db8::1")->deprecated);
	assert_int_equal(address_of(&links, "2001:db8::1")->family, AF_INET6);
	assert_source(&links, "near", AF_INET6, "::");
	links_free(&links);
	assert_int_equal(ip("addr add 2001:db8::2/64 dev near nodad"), 0);
	links = snapshot();
	assert_false(address_of(&links, "2001:db8::2")->deprecated);
	assert_int_equal(address_of(&links, "2001:db8::2")->prefix, 64);
	assert_source(&links, "near", AF_INET6, "2001:db8::2");
	links_free(&links);
}

/* Adds MANY pairs and takes them away again, ROUNDS times. */
static int churn(int rounds)
{
	FILE *batch = popen("ip -batch -", "w");

	if (!batch)
		return -1;
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < 2 * MANY; i++)
			fprintf(batch,
				i < MANY ? "link add c%d type veth peer name d%d\n"
					 : "link del c%d\n",
				i % MANY, i % MANY);
	return pclose(batch);
}

/* More links than one message of the kernel holds. */
static void a_long_table_is_read_whole(void **state)
{
	FILE *batch;
	struct links links;
	char name[32];

	(void)state;
	need_lab();
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	for (int i = 0; i < MANY; i++)
		fprintf(batch,
			"link add m%d type veth peer name n%d\naddr add 10.6.%d.1/24 dev m%d\n", i,
			i, i, i);
	assert_int_equal(pclose(batch), 0);
	links = snapshot();
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		named(&links, name);
		snprintf(name, sizeof(name), "n%d", i);
		named(&links, name);
		snprintf(name, sizeof(name), "10.6.%d.1", i);
		assert_non_null(address_of(&links, name));
	}
	links_free(&links);
}

/* While links come and go a snapshot is whole or refused, never torn. */
static void a_changing_table_is_read_whole_or_not_at_all(void **state)
{
	int whole = 0, status;
	pid_t child;

	(void)state;
	need_lab();
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(churn(2) != 0);
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct links links = {};
		int err = links_read(&links);
		int found = 0;

		if (err) {
			assert_int_equal(err, -EINTR);
			assert_null(links.links);
			continue;
		}
		for (size_t i = 0; i < links.link_count; i++)
			found += !strcmp(links.links[i].name, "bridge0");
		assert_int_equal(found, 1);
		links_free(&links);
		whole++;
	}
	assert_int_equal(status, 0);
	assert_true(whole > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_links),
		cmocka_unit_test(a_veth_knows_where_its_peer_is),
		cmocka_unit_test(a_veth_has_a_carrier_when_both_ends_are_up),
		cmocka_unit_test(a_tun_is_bare_ip_and_a_tap_is_ethernet),
		cmocka_unit_test(the_own_end_of_a_point_to_point_address),
		cmocka_unit_test(flags_of_addresses),
		cmocka_unit_test(the_source_is_the_first_usable_global_address),
		cmocka_unit_test(an_ipv6_address_counts_once_it_is_settled),
		cmocka_unit_test(a_long_table_is_read_whole),
		cmocka_unit_test(a_changing_table_is_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("links", tests, make_lab, remove_lab);
}
