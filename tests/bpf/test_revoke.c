// SPDX-License-Identifier: GPL-2.0-only
/* A door that is closed stops the next packet of all that went through it, and of nothing else. */
#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void revoke_port(void)
{
	grant_clear(GRANT_TCP + 22);
}

static void restore_port(void)
{
	grant_set(GRANT_TCP + 22, ZONE_BIT(ZONE_VPN) | ZONE_BIT(ZONE_LAN), 22, 0);
}

static void revoke_lan(void)
{
	lan_access(false);
}

static void restore_lan(void)
{
	lan_access(true);
}

static void revoke_control(void)
{
	host_control(false);
}

static void restore_control(void)
{
	host_control(true);
}

static void revoke_egress(void)
{
	egress(0, EGRESS_NONE);
}

static void restore_egress(void)
{
	egress(0, EGRESS_ANY);
}

static void expire_port(void)
{
	grant_expires(GRANT_TCP + 22, 1);
}

static void expire_lan(void)
{
	grant_expires(GRANT_LAN, 1);
}

static void expire_control(void)
{
	grant_expires(GRANT_HOST_CONTROL, 1);
}

struct revocation {
	const char *what;
	struct talk talk;
	void (*revoke)(void);
	void (*restore)(void);
};

/* Each kind of flow with each door that it depends on. */
static const struct revocation *revocations(size_t *count)
{
	static struct revocation cases[10];
	const struct talk forward = talk_forward(40000, 22, 22);
	const struct talk lan = talk_lan_forward(40000, 22, 22);
	const struct talk control = talk_to_host(VPN_IN, 40000);
	const struct talk lan_control = talk_to_host(LAN_IN, 40000);
	const struct revocation all[] = {
		{"port, from the VPN", forward, revoke_port, restore_port},
		{"port, from the LAN", lan, revoke_port, restore_port},
		{"LAN access", lan, revoke_lan, restore_lan},
		{"host control, from the VPN", control, revoke_control, restore_control},
		{"host control, from the LAN", lan_control, revoke_control, restore_control},
		{"LAN access, host control", lan_control, revoke_lan, restore_lan},
		{"egress", talk_outbound(61000), revoke_egress, restore_egress},
		{"port that runs out", forward, expire_port, restore_port},
		{"LAN access that runs out", lan, expire_lan, restore_lan},
		{"host control that runs out", control, expire_control, restore_control},
	};
	size_t i;

	_Static_assert(LENGTH(all) == LENGTH(cases), "room for each");
	for (i = 0; i < LENGTH(all); i++)
		cases[i] = all[i];
	*count = LENGTH(cases);
	return cases;
}

static void is_cut(const struct talk *talk)
{
	cuts(talk, FLOW_ORIGINAL, DROP_REVOKED, ACK_PACKET, .payload = 10);
	cuts(talk, FLOW_REPLY, DROP_REVOKED, ANSWER_PACKET, .payload = 10);
	cuts(talk, FLOW_ORIGINAL, DROP_REVOKED, FIN_PACKET);
	cuts(talk, FLOW_ORIGINAL, DROP_REVOKED, .flags = RST);
}

static void the_next_packet_of_a_revoked_flow_is_dropped_in_both_directions(void **state)
{
	size_t count, i;
	const struct revocation *cases = revocations(&count);

	for (i = 0; i < count; i++) {
		assert_int_equal(runner_reset(state), 0);
		trying(cases[i].what);
		lan_access(true);
		host_control(true);
		establish(&cases[i].talk);
		cases[i].revoke();
		is_cut(&cases[i].talk);
		assert_int_equal(flow_of(&cases[i].talk, FLOWS, FLOW_ORIGINAL).packets, 2);
	}
}

static void opening_the_door_again_does_not_revive_a_flow_but_lets_a_new_one_in(void **state)
{
	size_t count, i;
	const struct revocation *cases = revocations(&count);
	struct talk again;

	for (i = 0; i < count; i++) {
		assert_int_equal(runner_reset(state), 0);
		trying(cases[i].what);
		lan_access(true);
		host_control(true);
		establish(&cases[i].talk);
		cases[i].revoke();
		cases[i].restore();
		is_cut(&cases[i].talk);
		again = cases[i].talk; /* the same ports, a new SYN */
		if (cases[i].revoke == revoke_egress)
			again = talk_outbound(61001);
		establish(&again);
		carries(&again, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	}
}

static void a_handshake_does_not_outlive_its_door(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	opens(&talk, SYN_PACKET);
	revoke_port();
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, SYN_ACK_PACKET);
	cuts(&talk, FLOW_ORIGINAL, DROP_PORT_CLOSED, SYN_PACKET);
	restore_port();
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, SYN_ACK_PACKET);
	establish(&talk);
}

static void udp_is_cut_and_opened_anew_by_the_policy(void **state)
{
	struct talk talk = talk_lan_forward(40000, 5353, 53);

	(void)state;
	talk.proto = PROTO_UDP;
	lan_access(true);
	establish(&talk);
	lan_access(false);
	cuts(&talk, FLOW_ORIGINAL, DROP_LAN_OFF, .payload = 24);
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, .payload = 24);
	lan_access(true);
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, .payload = 24);
	establish(&talk);
}

static void closing_the_lan_leaves_the_vpn_alone(void **state)
{
	struct talk vpn = talk_forward(40000, 22, 22), lan = talk_lan_forward(40000, 22, 22);
	struct talk vpn_control = talk_to_host(VPN_IN, 40000);
	struct talk lan_control = talk_to_host(LAN_IN, 40000);
	struct talk own = talk_host(PROTO_TCP, 45000, 443);

	(void)state;
	lan_access(true);
	host_control(true);
	establish(&vpn);
	establish(&lan);
	establish(&vpn_control);
	establish(&lan_control);
	establish(&own);
	lan_access(false);
	is_cut(&lan);
	is_cut(&lan_control);
	carries(&vpn, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&vpn, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
	carries(&vpn_control, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&own, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
}

static void closing_one_port_leaves_the_others_alone(void **state)
{
	struct talk ssh = talk_forward(40000, 22, 22), other = talk_forward(40000, 2000, 2000);

	(void)state;
	establish(&ssh);
	establish(&other);
	revoke_port();
	is_cut(&ssh);
	carries(&other, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&other, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
}

static void a_grant_that_ends_later_still_stands(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	grant_expires(GRANT_TCP + 22, boottime_now() + 3600ULL * 1000000000);
	carries(&talk, FLOW_ORIGINAL, ACK_PACKET, .payload = 10);
	carries(&talk, FLOW_REPLY, ANSWER_PACKET, .payload = 10);
}

static __u64 past;

static void stamp(struct flow *flow)
{
	flow->seen = past;
}

static void the_host_neither_renews_nor_reopens_a_revoked_flow(void **state)
{
	struct talk talk = talk_to_host(VPN_IN, 40000);

	(void)state;
	host_control(true);
	establish(&talk);
	past = jiffies_now() - 100;
	flows_edit(&talk, FLOWS, stamp);
	host_control(false);
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, ANSWER_PACKET, .payload = 10);
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, SYN_ACK_PACKET);
	cuts(&talk, FLOW_REPLY, DROP_REVOKED, .flags = SYN);
	assert_int_equal(flow_of(&talk, FLOWS, FLOW_REPLY).seen, past);
	assert_int_equal(flow_count(HALF_OPEN), 0);
	is_cut(&talk);
}

int group_revoke(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(the_next_packet_of_a_revoked_flow_is_dropped_in_both_directions),
		PACKET_TEST(opening_the_door_again_does_not_revive_a_flow_but_lets_a_new_one_in),
		PACKET_TEST(a_handshake_does_not_outlive_its_door),
		PACKET_TEST(udp_is_cut_and_opened_anew_by_the_policy),
		PACKET_TEST(closing_the_lan_leaves_the_vpn_alone),
		PACKET_TEST(closing_one_port_leaves_the_others_alone),
		PACKET_TEST(a_grant_that_ends_later_still_stands),
		PACKET_TEST(the_host_neither_renews_nor_reopens_a_revoked_flow),
	};

	return cmocka_run_group_tests_name("revoke", tests, NULL, NULL);
}
