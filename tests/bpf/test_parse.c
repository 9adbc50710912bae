// SPDX-License-Identifier: GPL-2.0-only
/* What has no readable ports gets a reason; only what is not IP passes. */
#include <string.h>

#include "groups.h"
#include "talk.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define MORE_FRAGMENTS 0x2000
#define DONT_FRAGMENT 0x4000

#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT_HEADER 44
#define AUTHENTICATION 51
#define DESTINATION 60

static struct spec vpn_syn(void)
{
	return tcp(EXPERT_IP, 40000, VPN_IP, 22, SYN);
}

static void fragments_are_refused_whatever_their_place(void **state)
{
	static const __u16 places[] = {MORE_FRAGMENTS, MORE_FRAGMENTS | 185, 185, 1, 0x1fff};
	struct spec spec;
	size_t i;

	(void)state;
	lan_access(true);
	for (i = 0; i < LENGTH(places); i++) {
		spec = vpn_syn();
		spec.fragment = places[i];
		is_dropped(VPN_IN, spec, DROP_FRAGMENT);
		spec = udp(LAN_CLIENT, 1, LAN_IP, 2000);
		spec.fragment = places[i];
		is_dropped(LAN_IN, spec, DROP_FRAGMENT);
		spec = udp(BOX_IP, 61000, SERVER, 53);
		spec.fragment = places[i];
		is_dropped(BOX_IN, spec, DROP_FRAGMENT);
	}
	spec = vpn_syn();
	spec.fragment = DONT_FRAGMENT;
	assert_int_equal(run(VPN_IN, spec).reason, 0);
}

static void a_fragment_of_a_live_flow_is_refused(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);

	(void)state;
	establish(&talk);
	cuts(&talk, FLOW_ORIGINAL, DROP_FRAGMENT, ACK_PACKET, .fragment = MORE_FRAGMENTS);
	cuts(&talk, FLOW_REPLY, DROP_FRAGMENT, ANSWER_PACKET, .fragment = 100);
}

static void ipv4_options_do_not_hide_a_port(void **state)
{
	struct spec spec = vpn_syn();
	__u8 words;

	(void)state;
	for (words = 1; words <= 10; words++) {
		spec.options = words;
		is_dropped(VPN_IN, spec, DROP_IP_OPTIONS);
	}
}

/* SPEC with one byte of its frame another. */
static struct outcome run_with(enum place place, struct spec spec, __u32 at, __u8 value)
{
	struct spec complete = on_link(place, spec);
	struct frame frame = build(&complete);

	frame.bytes[at] = value;
	return run_frame(place, &frame);
}

static void a_header_that_contradicts_itself_is_malformed(void **state)
{
	const struct {
		const char *what;
		__u32 at;
		__u8 value;
	} cases[] = {
		{"an IP header of 16 bytes", 14, 0x44},
		{"an IP header of no bytes", 14, 0x40},
		{"IP version 6", 14, 0x65},
		{"IP version 0", 14, 0x05},
		{"longer than the frame", 16, 0x01},
		{"one byte longer than the frame", 17, 41},
		{"the IP packet ends before the TCP header", 17, 20},
		{"the IP packet ends within the TCP header", 17, 39},
		{"the IP packet ends within its own header", 17, 19},
		{"a TCP header of 16 bytes", 46, 0x40},
		{"a TCP header of no bytes", 46, 0x00},
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(cases); i++) {
		trying(cases[i].what);
		if (run_with(VPN_IN, vpn_syn(), cases[i].at, cases[i].value).reason !=
		    DROP_MALFORMED)
			fail_msg("%s: not dropped as malformed", cases[i].what);
	}
	for (i = 0; i < 16; i++)
		if (i != 6)
			assert_int_equal(run_with(LAN_IN, tcp(LAN_CLIENT6, 1, LAN_IP6, 22, SYN), 14,
						  i << 4)
						 .reason,
					 DROP_MALFORMED);
}

static void padding_behind_a_short_packet_is_no_contradiction(void **state)
{
	struct spec spec = on_link(VPN_IN, vpn_syn());
	struct frame frame = build(&spec);

	(void)state;
	frame.length = 60;
	assert_int_equal(run_frame(VPN_IN, &frame).reason, 0);
}

/*
 * A packet with its end missing, at every length: HONEST says whether the IP header knows. The
 * kernel itself refuses to run a program on less than an IP header.
 */
static void cut_at_every_length(enum place place, struct spec spec, __u32 whole, bool honest)
{
	struct spec complete = on_link(place, spec);
	__u32 length, ran = 0;

	for (length = 0; length < whole; length++) {
		struct frame frame = build(&complete);

		frame.length = length;
		if (honest && is_v6(&spec))
			put16(&frame, 18, length - ETHERNET_LENGTH - IPV6_LENGTH);
		else if (honest)
			put16(&frame, 16, length - ETHERNET_LENGTH);
		if (!is_runnable(place, &frame))
			continue;
		ran++;
		if (run_frame(place, &frame).reason != DROP_MALFORMED)
			fail_msg("%u of %u bytes: not dropped as malformed", length, whole);
	}
	assert_true(ran >= whole - transport_at(&spec));
}

static void a_packet_cut_short_is_malformed_at_every_length(void **state)
{
	const struct {
		enum place place;
		struct spec spec;
		__u32 header;
	} cases[] = {
		{VPN_IN, vpn_syn(), TCP_LENGTH},
		{VPN_IN, udp(EXPERT_IP, 1, VPN_IP, 2000), 8},
		{VPN_IN, icmp(EXPERT_IP, VPN_IP, ECHO, 7), 8},
		{LAN_IN, tcp(LAN_CLIENT6, 1, LAN_IP6, 22, SYN), TCP_LENGTH},
		{LAN_IN, udp(LAN_CLIENT6, 1, LAN_IP6, 2000), 8},
		{LAN_IN, icmp(LAN_CLIENT6, LAN_IP6, ECHO6, 7), 8},
		{BOX_IN, tcp(BOX_IP, 61000, SERVER, 443, SYN), TCP_LENGTH},
	};
	size_t i;

	(void)state;
	lan_access(true);
	for (i = 0; i < LENGTH(cases); i++) {
		__u32 headers = transport_at(&cases[i].spec) + cases[i].header;

		cut_at_every_length(cases[i].place, cases[i].spec, headers, true);
		cut_at_every_length(cases[i].place, cases[i].spec, headers, false);
	}
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

static void extension_headers_do_not_hide_a_port(void **state)
{
	static const __u8 chains[][6] = {
		{HOP_BY_HOP},
		{DESTINATION},
		{ROUTING},
		{HOP_BY_HOP, DESTINATION, ROUTING, DESTINATION},
		{DESTINATION, DESTINATION, DESTINATION, DESTINATION, DESTINATION},
	};
	static const __u32 lengths[] = {1, 1, 1, 4, 5};
	struct spec spec;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(chains); i++) {
		spec = tcp(LAN_CLIENT6, 1, LAN_IP6, 23, SYN);
		spec.extensions = chains[i];
		spec.extension_count = lengths[i];
		host_control(false);
		lan_access(false);
		is_dropped(LAN_IN, spec, DROP_HOST_CONTROL_OFF);
		host_control(true);
		lan_access(true);
		passes(LAN_IN, spec);
		spec.dport = 22;
		is_dropped(LAN_IN, spec, DROP_IPV6);
		spec.dport = 80;
		is_dropped(LAN_IN, spec, DROP_PORT_CLOSED);
	}
}

/* An authentication header counts its length in other units: 24 bytes, three of the others. */
static void the_ports_behind_an_authentication_header_are_found(void **state)
{
	static const __u8 chain[] = {AUTHENTICATION, 0, 0};
	struct spec spec = tcp(LAN_CLIENT6, 1, LAN_IP6, 80, SYN);
	struct frame frame;

	(void)state;
	spec.extensions = chain;
	spec.extension_count = 3;
	spec = on_link(LAN_IN, spec);
	frame = build(&spec);
	frame.bytes[ETHERNET_LENGTH + IPV6_LENGTH] = PROTO_TCP;
	frame.bytes[ETHERNET_LENGTH + IPV6_LENGTH + 1] = 24 / 4 - 2;
	assert_int_equal(run_frame(LAN_IN, &frame).reason, DROP_PORT_CLOSED);
}

static void a_chain_of_extension_headers_ends_closed(void **state)
{
	static const __u8 endless[8] = {DESTINATION, DESTINATION, DESTINATION, DESTINATION,
					DESTINATION, DESTINATION, DESTINATION, DESTINATION};
	static const __u8 fragment[] = {HOP_BY_HOP, FRAGMENT_HEADER};
	struct spec spec = tcp(LAN_CLIENT6, 1, LAN_IP6, 23, SYN);

	(void)state;
	host_control(true);
	lan_access(true);
	spec.extensions = endless;
	spec.extension_count = LENGTH(endless);
	is_dropped(LAN_IN, spec, DROP_MALFORMED);

	spec.extensions = fragment;
	spec.extension_count = LENGTH(fragment);
	is_dropped(LAN_IN, spec, DROP_FRAGMENT); /* an atomic one, too */
	spec.fragment = 8 | 1;
	is_dropped(LAN_IN, spec, DROP_FRAGMENT);

	spec.extensions = endless;
	spec.extension_count = 1;
	spec = on_link(LAN_IN, spec);
	/* The extension header claims more than there is. */
	assert_int_equal(run_with(LAN_IN, spec, ETHERNET_LENGTH + IPV6_LENGTH + 1, 200).reason,
			 DROP_MALFORMED);
}

static void tagged_frames_are_refused(void **state)
{
	static const __u16 tags[] = {TYPE_VLAN, TYPE_QINQ};
	static const enum place places[] = {VPN_IN, LAN_IN, BOX_IN};
	const struct spec packets[] = {
		tcp(EXPERT_IP, 40000, VPN_IP, 22, SYN),
		tcp(LAN_CLIENT, 40000, LAN_IP, 23, SYN),
		tcp(BOX_IP, 40000, SERVER, 443, SYN),
	};
	size_t i, k;

	(void)state;
	host_control(true);
	lan_access(true);
	for (i = 0; i < LENGTH(tags); i++) {
		for (k = 0; k < LENGTH(places); k++) {
			struct spec spec = packets[k];

			spec.tag = tags[i];
			is_dropped(places[k], spec, DROP_VLAN);
			spec = (struct spec){.tag = tags[i], .type = TYPE_ARP, .payload = 28};
			is_dropped(places[k], spec, DROP_VLAN);
		}
	}
}

static void what_is_not_ip_passes(void **state)
{
	static const __u16 types[] = {TYPE_ARP, TYPE_EAPOL, TYPE_LLDP, 0x88c7, 0x88b5, 0x0027};
	static const enum place places[] = {VPN_IN,    LAN_IN,	BOX_IN,	 WLAN_IN,
					    SECOND_IN, VPN_OUT, LAN_OUT, BOX_OUT};
	size_t i, k;

	(void)state;
	for (i = 0; i < LENGTH(types); i++) {
		for (k = 0; k < LENGTH(places); k++) {
			struct spec spec = {.type = types[i], .payload = 46};

			passes(places[k], spec);
			spec.to = EVERYBODY;
			passes(places[k], spec);
		}
	}
}

/* An IPv4 address has the form of a mapped IPv6 address in the tables (RFC 4291 2.5.5.2), but no
 * packet on the wire does. */
static void ipv6_with_mapped_addresses_is_not_taken_for_ipv4(void **state)
{
	struct talk talk = talk_forward(40000, 22, 22);
	struct spec packet = tcp("::ffff:" EXPERT_IP, 40000, "::ffff:" VPN_IP, 22, ACK);
	struct spec fresh = tcp("::ffff:10.1.0.8", 40000, "::ffff:" VPN_IP, 23, SYN);
	struct outcome outcome;

	(void)state;
	host_control(true);
	establish(&talk);
	outcome = run(VPN_IN, packet);
	assert_int_not_equal(outcome.reason, 0);
	outcome = run(VPN_IN, fresh);
	assert_int_not_equal(outcome.reason, 0);
	assert_int_equal(flow_count(HALF_OPEN), 0);
}

int group_parse(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(fragments_are_refused_whatever_their_place),
		PACKET_TEST(a_fragment_of_a_live_flow_is_refused),
		PACKET_TEST(ipv4_options_do_not_hide_a_port),
		PACKET_TEST(a_header_that_contradicts_itself_is_malformed),
		PACKET_TEST(padding_behind_a_short_packet_is_no_contradiction),
		PACKET_TEST(a_packet_cut_short_is_malformed_at_every_length),
		PACKET_TEST(extension_headers_do_not_hide_a_port),
		PACKET_TEST(the_ports_behind_an_authentication_header_are_found),
		PACKET_TEST(a_chain_of_extension_headers_ends_closed),
		PACKET_TEST(tagged_frames_are_refused),
		PACKET_TEST(what_is_not_ip_passes),
		PACKET_TEST(ipv6_with_mapped_addresses_is_not_taken_for_ipv4),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
