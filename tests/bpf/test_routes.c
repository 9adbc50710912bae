// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local table apart from the main one. The kernel keeps both in one trie until the first rule is
 * made (net/ipv4/fib_rules.c, fib_unmerge), as wg-quick and others do, and never joins them again:
 * so this comes last, and the groups before have seen the other case.
 */
#include <stdlib.h>

#include "groups.h"
#include "talk.h"

static int split_tables(void **state)
{
	(void)state;
	return system("ip rule add pref 100 lookup main && ip rule del pref 100");
}

static void an_address_newer_than_the_map_is_forwarded_behind_rules_too(void **state)
{
	struct talk talk = talk_lan_forward(40000, 22, 22);

	(void)state;
	lan_access(true);
	talk.ends[FLOW_ORIGINAL].dst = LAN_IP_2;
	opens(&talk, SYN_PACKET);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, LAN_IP_2, 22, SYN), DROP_NOT_LOCAL);
	is_dropped(BOX_IN, tcp(BOX_IP, 61000, LAN_IP_2, 23, SYN), DROP_TO_HOST);
}

static void loopback_is_on_no_interface_of_ours(void **state)
{
	(void)state;
	lan_access(true);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, "127.0.0.1", 22, SYN), DROP_NOT_LOCAL);
	is_dropped(LAN_IN, tcp(LAN_CLIENT, 1, "127.0.0.1", 22, SYN), DROP_NOT_LOCAL);
}

static void what_is_held_and_what_is_not_stays_so(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, VPN_OTHER, 22, SYN), DROP_NOT_LOCAL);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, BOX_IP, 22, SYN), DROP_NOT_LOCAL);
	is_dropped(VPN_IN, tcp(EXPERT_IP, 1, LAN_IP, 22, SYN), DROP_NOT_LOCAL);
}

int group_routes(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(an_address_newer_than_the_map_is_forwarded_behind_rules_too),
		PACKET_TEST(loopback_is_on_no_interface_of_ours),
		PACKET_TEST(what_is_held_and_what_is_not_stays_so),
	};

	return cmocka_run_group_tests_name("routes", tests, split_tables, NULL);
}
