// SPDX-License-Identifier: GPL-2.0-only
/* What parse() makes of well-formed frames, and of the same cut short. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "packet.h"
#include "parse_frame.h"
#include "world.h"

#define A4 "198.51.100.9"
#define B4 "10.1.0.2"
#define A6 "2001:db8::9"
#define B6 "2001:db8:1::2"

static const __u8 all_extensions[] = {NEXTHDR_HOP, NEXTHDR_DEST, NEXTHDR_ROUTING, NEXTHDR_AUTH};

static struct spec extended(struct spec spec)
{
	spec.extensions = all_extensions;
	spec.extension_count = sizeof(all_extensions);
	return spec;
}

/* Frames that parse, each of another shape. */
static __u32 shapes(struct spec *ret)
{
	const struct spec list[] = {
		tcp(A4, 40000, B4, 22, SYN),
		udp(A4, 40000, B4, 53),
		icmp(A4, B4, ECHO, 0x1234),
		tcp(A6, 40000, B6, 22, SYN),
		udp(A6, 40000, B6, 53),
		icmp(A6, B6, ECHO6, 0x1234),
		extended(tcp(A6, 40000, B6, 22, SYN)),
		extended(udp(A6, 40000, B6, 53)),
	};

	memcpy(ret, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

#define MAX_SHAPES 16

/* Where the last header ends. */
static __u32 headers_end(const struct spec *spec)
{
	return transport_at(spec) + 8 * spec->extension_count +
	       (spec->proto == PROTO_TCP ? TCP_LENGTH : 8);
}

static struct packet parsed(const struct spec *spec)
{
	struct frame frame = build(spec);
	struct packet packet;

	assert_int_equal(parse_frame(&frame, WHOLE_FRAME, &packet), 0);
	return packet;
}

static int result_of(const struct frame *frame)
{
	struct packet packet;
	int result = parse_frame(frame, WHOLE_FRAME, &packet);

	if (result) {
		assert_int_equal(packet.tuple.sport, 0);
		assert_int_equal(packet.tuple.dport, 0);
	}
	return result;
}

static int result_of_spec(struct spec spec)
{
	struct frame frame = build(&spec);

	return result_of(&frame);
}

static void tcp_v4(void **state)
{
	struct spec spec = tcp(A4, 40000, B4, 22, SYN | ACK | PSH);
	struct packet packet;
	union addr src = addr4(198, 51, 100, 9), dst = addr4(10, 1, 0, 2);

	(void)state;
	spec.seq = 0xfffffffe;
	spec.ack = 0x80000001;
	spec.ttl = 3;
	packet = parsed(&spec);
	assert_memory_equal(&packet.tuple.src, &src, sizeof(src));
	assert_memory_equal(&packet.tuple.dst, &dst, sizeof(dst));
	assert_int_equal(packet.tuple.sport, bpf_htons(40000));
	assert_int_equal(packet.tuple.dport, bpf_htons(22));
	assert_int_equal(packet.tuple.proto, IPPROTO_TCP);
	assert_int_equal(packet.tuple.zone, ZONE_VPN);
	assert_int_equal(packet.tuple.pad, 0);
	assert_int_equal(packet.l3, 14);
	assert_int_equal(packet.l4, 34);
	assert_int_equal(packet.seq, 0xfffffffe);
	assert_int_equal(packet.ack, 0x80000001);
	assert_int_equal(packet.tcp, SYN | ACK | PSH);
	assert_int_equal(packet.ttl, 3);
	assert_int_equal(packet.icmp, ICMP_CLASS_NONE);
	assert_true(packet.v4 && packet.to_me && !packet.to_group);
}

static void tcp_v6_behind_extensions(void **state)
{
	struct spec spec = extended(tcp(A6, 40000, B6, 22, RST));
	struct packet packet = parsed(&spec);
	const __u8 src[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};

	(void)state;
	assert_memory_equal(&packet.tuple.src, src, sizeof(src));
	assert_int_equal(packet.tuple.sport, bpf_htons(40000));
	assert_int_equal(packet.tuple.dport, bpf_htons(22));
	assert_int_equal(packet.tuple.proto, IPPROTO_TCP);
	assert_int_equal(packet.l4, 14 + 40 + 4 * 8);
	assert_int_equal(packet.tcp, RST);
	assert_false(packet.v4);
}

/* An echo's identifier is the port of the end that asked. */
static void echo_identifiers(void **state)
{
	struct spec spec = icmp(A4, B4, ECHO, 0x1234);
	struct packet packet = parsed(&spec);

	(void)state;
	assert_int_equal(packet.icmp, ICMP_CLASS_ECHO);
	assert_int_equal(packet.tuple.sport, bpf_htons(0x1234));
	assert_int_equal(packet.tuple.dport, 0);

	spec = icmp(A6, B6, ECHO6_REPLY, 0x4321);
	packet = parsed(&spec);
	assert_int_equal(packet.icmp, ICMP_CLASS_ECHO_REPLY);
	assert_int_equal(packet.tuple.sport, 0);
	assert_int_equal(packet.tuple.dport, bpf_htons(0x4321));

	spec = icmp(A4, B4, UNREACHABLE, 0x1234);
	packet = parsed(&spec);
	assert_int_equal(packet.icmp, ICMP_CLASS_ERROR);
	assert_int_equal(packet.tuple.sport | packet.tuple.dport, 0);
}

static bool is_one_of(__u8 value, const __u8 *list, __u32 count)
{
	return memchr(list, value, count);
}

#define ONE_OF(value, ...) \
	is_one_of(value, (const __u8[]){__VA_ARGS__}, sizeof((const __u8[]){__VA_ARGS__}))

static void icmp_classes(void **state)
{
	__u32 type;

	(void)state;
	for (type = 0; type < 256; type++) {
		enum icmp_class v4 = ICMP_CLASS_OTHER, v6 = ICMP_CLASS_OTHER, far;

		if (type == 8)
			v4 = ICMP_CLASS_ECHO;
		else if (type == 0)
			v4 = ICMP_CLASS_ECHO_REPLY;
		else if (ONE_OF(type, 3, 11, 12))
			v4 = ICMP_CLASS_ERROR;

		if (type == 128)
			v6 = ICMP_CLASS_ECHO;
		else if (type == 129)
			v6 = ICMP_CLASS_ECHO_REPLY;
		else if (ONE_OF(type, 1, 2, 3, 4))
			v6 = ICMP_CLASS_ERROR;
		else if (ONE_OF(type, 130, 131, 132, 143, 133, 134, 135, 136, 137))
			v6 = ICMP_CLASS_LINK;
		/* A router decremented it: not from this link (RFC 4861 6.1, 7.1, 8.1). */
		far = ONE_OF(type, 133, 134, 135, 136, 137) ? ICMP_CLASS_OTHER : v6;

		assert_int_equal(icmp4_class(type), v4);
		assert_int_equal(icmp6_class(type, 255), v6);
		assert_int_equal(icmp6_class(type, 254), far);
	}
}

static void groups(void **state)
{
	static const struct {
		const char *src, *dst;
		__u32 pkt_type;
		bool to_me, to_group;
	} cases[] = {
		{A4, B4, PACKET_HOST, true, false},
		{A4, B4, PACKET_OTHERHOST, false, false},
		{A4, B4, PACKET_BROADCAST, false, true},
		{A4, B4, PACKET_MULTICAST, false, true},
		{A4, "223.255.255.255", PACKET_HOST, true, false},
		{A4, "224.0.0.0", PACKET_HOST, true, true},
		{A4, "239.255.255.255", PACKET_HOST, true, true},
		{A4, "240.0.0.0", PACKET_HOST, true, false},
		{A4, "255.255.255.254", PACKET_HOST, true, false},
		{A4, "255.255.255.255", PACKET_HOST, true, true},
		{A6, "feff::1", PACKET_HOST, true, false},
		{A6, "ff00::", PACKET_HOST, true, true},
		{A6, "ff02::1", PACKET_OTHERHOST, false, true},
	};
	struct arrival arrival = WHOLE_FRAME;
	struct packet packet;
	struct frame frame;
	struct spec spec;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		spec = udp(cases[i].src, 1, cases[i].dst, 2);
		frame = build(&spec);
		arrival.pkt_type = cases[i].pkt_type;
		assert_int_equal(parse_frame(&frame, arrival, &packet), 0);
		assert_int_equal(packet.to_me, cases[i].to_me);
		assert_int_equal(packet.to_group, cases[i].to_group);
	}
}

/* A bare IP packet is the frame without its first 14 bytes. */
static void without_link_header(void **state)
{
	struct spec list[MAX_SHAPES];
	__u32 count = shapes(list), i;
	struct arrival arrival = WHOLE_FRAME;

	(void)state;
	arrival.link_header = 0;
	for (i = 0; i < count; i++) {
		struct frame frame = build(&list[i]);
		struct packet framed = parsed(&list[i]), bare;

		assert_int_equal(parse_frame(&frame, arrival, &bare), 0);
		assert_int_equal(bare.l3, 0);
		assert_int_equal(bare.l4, framed.l4 - ETH_HLEN);
		bare.l3 = framed.l3;
		bare.l4 = framed.l4;
		assert_int_equal(bare.end, framed.end - ETH_HLEN);
		bare.end = framed.end;
		assert_memory_equal(&bare, &framed, sizeof(bare));
	}
}

/* However little of it can be read in place, a packet is the same. */
static void non_linear(void **state)
{
	struct spec list[MAX_SHAPES];
	__u32 count = shapes(list), i;
	struct arrival arrival = WHOLE_FRAME;

	(void)state;
	for (i = 0; i < count; i++) {
		struct frame frame = build(&list[i]);
		struct packet whole = parsed(&list[i]), packet;

		for (arrival.linear = 0; arrival.linear <= frame.length; arrival.linear++) {
			assert_int_equal(parse_frame(&frame, arrival, &packet), 0);
			assert_memory_equal(&packet, &whole, sizeof(packet));
		}
	}
}

static void cut_short(const struct spec *spec, struct arrival arrival, __u32 length)
{
	struct frame frame = build(spec);
	struct packet packet;

	frame.length = length;
	for (arrival.linear = 0; arrival.linear <= length; arrival.linear++) {
		assert_int_equal(parse_frame(&frame, arrival, &packet), -DROP_MALFORMED);
		assert_int_equal(packet.tuple.sport | packet.tuple.dport, 0);
	}
}

static void every_truncation(void **state)
{
	struct arrival frame = WHOLE_FRAME, bare = WHOLE_FRAME;
	struct spec list[MAX_SHAPES];
	__u32 count = shapes(list), i, length;

	(void)state;
	bare.link_header = 0;
	for (i = 0; i < count; i++)
		for (length = ETH_HLEN; length < headers_end(&list[i]); length++) {
			cut_short(&list[i], frame, length);
			cut_short(&list[i], bare, length);
		}
}

/* The IP header's word on the length counts: what lies beyond it is padding of the link. */
static void ports_in_the_padding(void **state)
{
	struct spec list[MAX_SHAPES];
	__u32 count = shapes(list), i, length, headers;

	(void)state;
	for (i = 0; i < count; i++) {
		bool v6 = is_v6(&list[i]);
		struct frame frame = build(&list[i]);

		headers = headers_end(&list[i]) - ETH_HLEN - (v6 ? IPV6_LENGTH : 0);
		for (length = 0; length < headers; length++) {
			put16(&frame, ETH_HLEN + (v6 ? 4 : 2), length);
			assert_int_equal(result_of(&frame), -DROP_MALFORMED);
		}
		put16(&frame, ETH_HLEN + (v6 ? 4 : 2), headers);
		assert_int_equal(result_of(&frame), 0);
	}
}

/* A packet that is longer than the field can say has none; the card segments it (BIG TCP). */
static void no_length(void **state)
{
	struct spec list[] = {tcp(A4, 40000, B4, 22, ACK), tcp(A6, 40000, B6, 22, ACK)};
	struct arrival arrival = WHOLE_FRAME;
	struct packet packet;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct frame frame = build(&list[i]);

		put16(&frame, ETH_HLEN + (i ? 4 : 2), 0);
		arrival.segments = 40;
		assert_int_equal(parse_frame(&frame, arrival, &packet), 0);
		assert_int_equal(packet.tuple.dport, bpf_htons(22));
		arrival.segments = 1;
		assert_int_equal(parse_frame(&frame, arrival, &packet), -DROP_MALFORMED);
		arrival.segments = 0;
		assert_int_equal(parse_frame(&frame, arrival, &packet), -DROP_MALFORMED);
		frame.length = headers_end(&list[i]) - 1;
		arrival.segments = 40;
		assert_int_equal(parse_frame(&frame, arrival, &packet), -DROP_MALFORMED);
	}
}

static void payload_cut_short(void **state)
{
	struct spec list[] = {udp(A4, 40000, B4, 53), udp(A6, 40000, B6, 53)};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct frame frame = build(&list[i]);

		frame.length--;
		assert_int_equal(result_of(&frame), -DROP_MALFORMED);
		frame.length += 1 + 46; /* padding of the link is no contradiction */
		assert_int_equal(result_of(&frame), 0);
	}
}

static void bad_headers(void **state)
{
	struct spec v4 = tcp(A4, 40000, B4, 22, SYN), v6 = tcp(A6, 40000, B6, 22, SYN);
	struct frame frame;
	__u8 value;

	(void)state;
	for (value = 0; value < 16; value++) {
		frame = build(&v4);
		frame.bytes[ETH_HLEN] = value << 4 | 5;
		assert_int_equal(result_of(&frame), value == 4 ? 0 : -DROP_MALFORMED);
		frame.bytes[ETH_HLEN] = 0x40 | value; /* words of header */
		assert_int_equal(result_of(&frame), value < 5	 ? -DROP_MALFORMED
						    : value == 5 ? 0
								 : -DROP_IP_OPTIONS);
		frame = build(&v4);
		frame.bytes[ETH_HLEN + 20 + 12] = value << 4; /* words of TCP header */
		/* No more than there is: this one has no option. */
		assert_int_equal(result_of(&frame), value == 5 ? 0 : -DROP_MALFORMED);
		frame = build(&v6);
		frame.bytes[ETH_HLEN] = value << 4;
		assert_int_equal(result_of(&frame), value == 6 ? 0 : -DROP_MALFORMED);
	}
}

/* With a payload of N bytes, a TCP header may say 20 and up to N of options. */
static void tcp_options(void **state)
{
	struct spec list[] = {tcp(A4, 40000, B4, 22, SYN), tcp(A6, 40000, B6, 22, SYN)};
	struct frame frame;
	__u32 i, words;

	(void)state;
	for (i = 0; i < 2; i++)
		for (list[i].payload = 0; list[i].payload <= 40; list[i].payload++)
			for (words = 5; words < 16; words++) {
				frame = build(&list[i]);
				frame.bytes[transport_at(&list[i]) + 12] = words << 4;
				assert_int_equal(
					result_of(&frame),
					4 * words <= 20 + list[i].payload ? 0 : -DROP_MALFORMED);
			}
}

/* An IPv6 packet must not become the key of an IPv4 flow. */
static void mapped_addresses(void **state)
{
	(void)state;
	assert_int_equal(result_of_spec(udp("::ffff:10.1.0.6", 1, B6, 2)), -DROP_MALFORMED);
	assert_int_equal(result_of_spec(udp(A6, 1, "::ffff:10.1.0.2", 2)), -DROP_MALFORMED);
	assert_int_equal(result_of_spec(udp("::fffe:a01:6", 1, B6, 2)), 0);
	assert_int_equal(result_of_spec(udp("::1:ffff:a01:6", 1, B6, 2)), 0);
	assert_int_equal(result_of_spec(udp("1::ffff:a01:6", 1, B6, 2)), 0);
}

static void options_hide_no_port(void **state)
{
	struct spec spec = tcp(A4, 40000, B4, 22, SYN);

	(void)state;
	for (spec.options = 1; spec.options <= 10; spec.options++)
		assert_int_equal(result_of_spec(spec), -DROP_IP_OPTIONS);
}

static void fragments_v4(void **state)
{
	struct spec spec = udp(A4, 40000, B4, 53);
	__u32 bit;

	(void)state;
	for (bit = 0; bit < 16; bit++) {
		spec.fragment = 1 << bit;
		/* "Don't fragment" and the reserved bit make no fragment. */
		assert_int_equal(result_of_spec(spec), bit >= 14 ? 0 : -DROP_FRAGMENT);
	}
	spec.fragment = IP_DF | IP_MF;
	assert_int_equal(result_of_spec(spec), -DROP_FRAGMENT);
}

static void fragments_v6(void **state)
{
	static const __u8 chain[] = {NEXTHDR_HOP, NEXTHDR_DEST, NEXTHDR_FRAGMENT};
	static const __u8 hidden[] = {NEXTHDR_FRAGMENT, NEXTHDR_DEST};
	struct spec spec = tcp(A6, 40000, B6, 22, SYN);

	(void)state;
	/* First, middle, last, and the only one (RFC 6946). */
	for (spec.fragment = 0; spec.fragment < 16; spec.fragment++) {
		spec.extensions = chain;
		spec.extension_count = sizeof(chain);
		assert_int_equal(result_of_spec(spec), -DROP_FRAGMENT);
		spec.extensions = hidden;
		spec.extension_count = sizeof(hidden);
		assert_int_equal(result_of_spec(spec), -DROP_FRAGMENT);
	}
}

/* Chains up to the bound are walked, for each kind of header. */
static void extension_chains(void **state)
{
	__u8 chain[MAX_EXTENSION_HEADERS + 2];
	struct spec spec = tcp(A6, 40000, B6, 22, SYN);
	struct packet packet;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all_extensions); i++) {
		memset(chain, all_extensions[i], sizeof(chain));
		spec.extensions = chain;
		for (spec.extension_count = 0; spec.extension_count <= sizeof(chain);
		     spec.extension_count++) {
			if (spec.extension_count > MAX_EXTENSION_HEADERS) {
				assert_int_equal(result_of_spec(spec), -DROP_MALFORMED);
				continue;
			}
			packet = parsed(&spec);
			assert_int_equal(packet.l4, 54 + 8 * spec.extension_count);
			assert_int_equal(packet.tuple.dport, bpf_htons(22));
		}
	}
}

/* A header of 24 bytes: of the options in units of 8 beyond the first, of AH in 4 beyond two. */
static void extension_lengths(void **state)
{
	static const struct {
		__u8 header, length;
	} cases[] = {{NEXTHDR_DEST, 2}, {NEXTHDR_HOP, 2}, {NEXTHDR_ROUTING, 2}, {NEXTHDR_AUTH, 4}};
	struct packet packet;
	struct frame frame;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const __u8 chain[] = {cases[i].header, 0, 0};
		struct spec spec = udp(A6, 40000, B6, 53);

		spec.extensions = chain;
		spec.extension_count = sizeof(chain);
		frame = build(&spec);
		frame.bytes[54] = IPPROTO_UDP;
		frame.bytes[55] = cases[i].length;
		assert_int_equal(parse_frame(&frame, WHOLE_FRAME, &packet), 0);
		assert_int_equal(packet.l4, 54 + 24);
		assert_int_equal(packet.tuple.dport, bpf_htons(53));
		frame.bytes[55] = 0xff; /* beyond the end */
		assert_int_equal(result_of(&frame), -DROP_MALFORMED);
	}
}

static void foreign_icmp(void **state)
{
	struct spec four = raw_ip(A4, B4, IPPROTO_ICMPV6), six = raw_ip(A6, B6, IPPROTO_ICMP);

	(void)state;
	assert_int_equal(result_of_spec(four), -DROP_PROTOCOL);
	assert_int_equal(result_of_spec(six), -DROP_PROTOCOL);
}

/* It is the policy's to refuse them, by a tuple that has no port. */
static void other_protocols(void **state)
{
	static const __u8 protocols[] = {PROTO_IGMP,   PROTO_GRE,	 PROTO_SCTP, IPPROTO_ESP,
					 NEXTHDR_NONE, NEXTHDR_MOBILITY, 255};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(protocols); i++) {
		struct spec four = raw_ip(A4, B4, protocols[i]);
		struct spec six = raw_ip(A6, B6, protocols[i]);
		struct packet packet = parsed(&four);

		assert_int_equal(packet.tuple.proto, protocols[i]);
		assert_int_equal(packet.tuple.sport | packet.tuple.dport, 0);
		packet = parsed(&six);
		assert_int_equal(packet.tuple.proto, protocols[i]);
		assert_int_equal(packet.tuple.sport | packet.tuple.dport, 0);
	}
}

static void not_ip(void **state)
{
	static const __u16 types[] = {TYPE_ARP, TYPE_EAPOL, TYPE_LLDP, 0x88c7, 0x0004};
	struct frame frame;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct spec spec = {.type = types[i], .payload = 46};

		frame = build(&spec);
		for (; frame.length >= ETH_HLEN; frame.length--)
			assert_int_equal(result_of(&frame), PARSE_NOT_IP);
	}
}

static void tag_in_the_frame(void **state)
{
	struct spec spec = tcp(A4, 40000, B4, 22, SYN);

	(void)state;
	spec.tag = TYPE_VLAN;
	assert_int_equal(result_of_spec(spec), -DROP_VLAN);
	spec.tag = TYPE_QINQ;
	assert_int_equal(result_of_spec(spec), -DROP_VLAN);
}

/* A frame with a tag beside it, of this control information, and perhaps a second. */
static int parse_tagged(__u16 tci, bool second, __u16 second_tci)
{
	struct spec spec = tcp(A4, 40000, B4, 22, SYN);
	struct frame frame = build(&spec);
	struct __sk_buff *skb = frame_arrives(&frame, WHOLE_FRAME);
	struct packet packet = {};
	int result;

	skb->vlan_present = 1;
	skb->vlan_tci = tci;
	kernel.tags = second ? 2 : 1;
	kernel.second_tag = second_tci;
	result = parse(skb, &packet, ZONE_LAN, ETH_HLEN);
	if (result)
		assert_int_equal(packet.tuple.sport | packet.tuple.dport, 0);
	else
		assert_false(skb->vlan_present);
	return result;
}

static void tag_beside_the_frame(void **state)
{
	(void)state;
	assert_int_equal(parse_tagged(0, false, 0), 0);
	assert_int_equal(parse_tagged(0xf000, false, 0), 0); /* only a priority */
	assert_int_equal(parse_tagged(1, false, 0), -DROP_VLAN);
	assert_int_equal(parse_tagged(0xefff, false, 0), -DROP_VLAN);
	assert_int_equal(parse_tagged(0, true, 7), -DROP_VLAN);
	assert_int_equal(parse_tagged(0, true, 0), -DROP_VLAN);
	kernel.pop_fails = true;
	assert_int_equal(parse_tagged(0, false, 0), -DROP_MALFORMED);
}

static void openings(void **state)
{
	struct packet packet = {.tuple.proto = IPPROTO_TCP};
	__u32 flags;

	(void)state;
	for (flags = 0; flags < 256; flags++) {
		bool syn = (flags & SYN) && !(flags & (ACK | RST | FIN));

		packet.tcp = flags;
		assert_int_equal(is_opening_syn(&packet), syn);
		assert_int_equal(is_opening(&packet), syn);
	}
	packet = (struct packet){.tuple.proto = IPPROTO_UDP, .tcp = TCP_SYN};
	assert_false(is_opening_syn(&packet));
	assert_true(is_opening(&packet));
	packet = (struct packet){.tuple.proto = IPPROTO_ICMP, .icmp = ICMP_CLASS_ECHO};
	assert_true(is_opening(&packet));
	packet.icmp = ICMP_CLASS_ECHO_REPLY;
	assert_false(is_opening(&packet));
	packet = (struct packet){.tuple.proto = IPPROTO_SCTP};
	assert_false(is_opening(&packet));
}

static void tuples(void **state)
{
	struct spec spec = tcp(A4, 40000, B4, 22, SYN);
	struct tuple tuple = parsed(&spec).tuple;
	struct tuple reversed = tuple_reversed(&tuple), again = tuple_reversed(&reversed);
	size_t i;

	(void)state;
	assert_memory_equal(&again, &tuple, sizeof(tuple));
	assert_true(tuple_equal(&again, &tuple));
	assert_false(tuple_equal(&reversed, &tuple));
	assert_memory_equal(&reversed.src, &tuple.dst, sizeof(tuple.dst));
	assert_int_equal(reversed.sport, tuple.dport);
	assert_int_equal(reversed.zone, tuple.zone);
	for (i = 0; i < 8 * sizeof(tuple); i++) {
		again = tuple;
		((__u8 *)&again)[i / 8] ^= 1 << i % 8;
		assert_false(tuple_equal(&again, &tuple));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(tcp_v4),
		WORLD_TEST(tcp_v6_behind_extensions),
		WORLD_TEST(echo_identifiers),
		WORLD_TEST(icmp_classes),
		WORLD_TEST(groups),
		WORLD_TEST(without_link_header),
		WORLD_TEST(non_linear),
		WORLD_TEST(every_truncation),
		WORLD_TEST(ports_in_the_padding),
		WORLD_TEST(no_length),
		WORLD_TEST(payload_cut_short),
		WORLD_TEST(bad_headers),
		WORLD_TEST(tcp_options),
		WORLD_TEST(mapped_addresses),
		WORLD_TEST(options_hide_no_port),
		WORLD_TEST(fragments_v4),
		WORLD_TEST(fragments_v6),
		WORLD_TEST(extension_chains),
		WORLD_TEST(extension_lengths),
		WORLD_TEST(foreign_icmp),
		WORLD_TEST(other_protocols),
		WORLD_TEST(not_ip),
		WORLD_TEST(tag_in_the_frame),
		WORLD_TEST(tag_beside_the_frame),
		WORLD_TEST(openings),
		WORLD_TEST(tuples),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
