// SPDX-License-Identifier: GPL-2.0-only
/*
 * parse() of frames that chance has damaged, against a second reading of the RFCs that goes byte by
 * byte. The byte behind a frame is not mapped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "packet.h"
#include "parse_frame.h"
#include "world.h"

#define ROUNDS 100000

/* What is to be found in the bytes of an IP packet. */
struct reading {
	const __u8 *ip;
	__u32 length;
	__u32 l4;
	__u8 proto;
	__u32 end; /* of the IP packet, as its header says */
	bool v4;
	bool gso;
	int result;
	__u16 sport, dport; /* host order */
};

static __u32 draw(__u32 below)
{
	return bpf_get_prandom_u32() % below;
}

static __u16 word(const struct reading *reading, __u32 at)
{
	return reading->ip[at] << 8 | reading->ip[at + 1];
}

static int read_ipv4(struct reading *reading)
{
	reading->v4 = true;
	if (reading->length < 20 || reading->ip[0] >> 4 != 4 || (reading->ip[0] & 15) < 5)
		return -DROP_MALFORMED;
	reading->end = word(reading, 2);
	if (!reading->end && reading->gso)
		reading->end = reading->length;
	if (reading->end > reading->length)
		return -DROP_MALFORMED;
	if (reading->ip[0] != 0x45)
		return -DROP_IP_OPTIONS;
	if ((reading->ip[6] & 0x3f) || reading->ip[7])
		return -DROP_FRAGMENT;
	reading->proto = reading->ip[9];
	reading->l4 = 20;
	return 0;
}

static int read_ipv6(struct reading *reading)
{
	__u32 headers = 0, at = 40, header;
	__u8 next;

	if (reading->length < 40 || reading->ip[0] >> 4 != 6)
		return -DROP_MALFORMED;
	reading->end = 40 + word(reading, 4);
	if (reading->end == 40 && reading->gso)
		reading->end = reading->length;
	if (reading->end > reading->length)
		return -DROP_MALFORMED;
	next = reading->ip[6];
	for (header = 40; next == 0 || next == 43 || next == 60 || next == 51; header = at) {
		if (header + 2 > reading->length)
			return -DROP_MALFORMED;
		if (++headers > MAX_EXTENSION_HEADERS)
			return -DROP_MALFORMED;
		at += next == 51 ? 4 * reading->ip[header + 1] + 8
				 : 8 * reading->ip[header + 1] + 8;
		next = reading->ip[header];
	}
	reading->proto = next;
	reading->l4 = at;
	return next == 44 ? -DROP_FRAGMENT : 0;
}

static int read_icmp(struct reading *reading)
{
	__u8 type = reading->ip[reading->l4];
	__u16 id = word(reading, reading->l4 + 4);

	if (type == (reading->v4 ? 8 : 128))
		reading->sport = id;
	if (type == (reading->v4 ? 0 : 129))
		reading->dport = id;
	return 0;
}

static int read_transport(struct reading *reading)
{
	int room = reading->l4 < reading->end ? reading->end - reading->l4 : 0;

	switch (reading->proto) {
	case 1:
	case 58:
		if (reading->proto != (reading->v4 ? 1 : 58))
			return -DROP_PROTOCOL;
		return room < 8 ? -DROP_MALFORMED : read_icmp(reading);
	case 6:
		if (room < 20 || reading->ip[reading->l4 + 12] < 0x50 ||
		    reading->ip[reading->l4 + 12] >> 4 << 2 > room)
			return -DROP_MALFORMED;
		break;
	case 17:
		if (room < 8)
			return -DROP_MALFORMED;
		break;
	default:
		return 0;
	}
	reading->sport = word(reading, reading->l4);
	reading->dport = word(reading, reading->l4 + 2);
	return 0;
}

static struct reading read_frame(const struct frame *frame, bool gso)
{
	struct reading reading = {
		.ip = frame->bytes + 14, .length = frame->length - 14, .gso = gso};

	switch (get16(frame, 12)) {
	case TYPE_IPV4:
		reading.result = read_ipv4(&reading);
		break;
	case TYPE_IPV6:
		reading.result = read_ipv6(&reading);
		break;
	case TYPE_VLAN:
	case TYPE_QINQ:
		reading.result = -DROP_VLAN;
		break;
	default:
		reading.result = PARSE_NOT_IP;
	}
	if (!reading.result)
		reading.result = read_transport(&reading);
	return reading;
}

static void compare(const struct frame *frame, const struct reading *reading,
		    const struct packet *packet, int result)
{
	if (result)
		assert_int_equal(packet->tuple.sport | packet->tuple.dport, 0);
	assert_int_equal(result, reading->result);
	if (result)
		return;
	assert_int_equal(packet->tuple.sport, bpf_htons(reading->sport));
	assert_int_equal(packet->tuple.dport, bpf_htons(reading->dport));
	assert_int_equal(packet->tuple.proto, reading->proto);
	assert_int_equal(packet->l4 - packet->l3, reading->l4);
	assert_int_equal(packet->v4, reading->v4);
	assert_memory_equal(packet->tuple.src.bytes + (reading->v4 ? 12 : 0),
			    frame->bytes + 14 + (reading->v4 ? 12 : 8), reading->v4 ? 4 : 16);
	assert_memory_equal(packet->tuple.dst.bytes + (reading->v4 ? 12 : 0),
			    frame->bytes + 14 + (reading->v4 ? 16 : 24), reading->v4 ? 4 : 16);
}

static struct arrival draw_arrival(const struct frame *frame)
{
	struct arrival arrival = WHOLE_FRAME;

	arrival.link_header = draw(2) ? ETH_HLEN : 0;
	if (draw(2))
		arrival.linear = draw(frame->length + 1);
	arrival.segments = draw(4);
	return arrival;
}

static __u32 parsed, refused[DROP_REASON_MAX]; /* how often chance came to each result */

static void check(const struct frame *frame)
{
	struct arrival arrival = draw_arrival(frame);
	struct reading reading = read_frame(frame, arrival.segments > 1);
	struct packet packet;
	int result = parse_frame(frame, arrival, &packet);

	compare(frame, &reading, &packet, result);
	if (!result)
		parsed++;
	else if (result < 0)
		refused[-result]++;
}

static struct frame draw_frame(void)
{
	static const __u8 chains[][4] = {{0, 60, 43, 51}, {60, 60, 44, 60}, {51, 0, 51, 43}};
	static const __u8 types[] = {ECHO, ECHO_REPLY, UNREACHABLE, ECHO6, ECHO6_REPLY, 135, 1};
	bool v4 = draw(2);
	struct spec spec = {
		.src = v4 ? "198.51.100.9" : "2001:db8::9",
		.dst = v4 ? "10.1.0.2" : "2001:db8:1::2",
		.proto = (const __u8[]){PROTO_TCP, PROTO_UDP,
					v4 ? PROTO_ICMP : PROTO_ICMPV6}[draw(3)],
		.sport = draw(65536),
		.flags = draw(256),
		.icmp = types[draw(sizeof(types))],
		.payload = draw(24),
		.extensions = v4 ? NULL : chains[draw(3)],
		.extension_count = v4 ? 0 : draw(5),
	};

	return build(&spec);
}

/* Bits of the headers, the length, or the length field with it: to the byte, near it, or to none. */
static void damage(struct frame *frame)
{
	__u32 hits = draw(4), slip = draw(3) ? 0 : draw(9);

	while (hits--)
		frame->bytes[12 + draw(frame->length - 12)] ^= 1 << draw(8);
	if (draw(4) == 0)
		frame->bytes[14 + draw(frame->length - 14)] = draw(256);
	if (draw(3) == 0)
		frame->length = ETH_HLEN + draw(frame->length - ETH_HLEN + 1);
	if (draw(2) && frame->length >= 34 && get16(frame, 12) == TYPE_IPV4)
		put16(frame, 16, draw(16) ? frame->length - ETH_HLEN - slip : 0);
	if (draw(2) && frame->length >= 54 && get16(frame, 12) == TYPE_IPV6)
		put16(frame, 18, draw(16) ? frame->length - 54 - slip : 0);
}

static void damaged_frames(void **state)
{
	struct frame frame;
	__u32 i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		frame = draw_frame();
		damage(&frame);
		check(&frame);
	}
	assert_true(parsed > ROUNDS / 10);
	assert_true(refused[DROP_MALFORMED] > ROUNDS / 10);
	assert_true(refused[DROP_FRAGMENT] > ROUNDS / 100);
	assert_true(refused[DROP_IP_OPTIONS] > ROUNDS / 1000);
	assert_true(refused[DROP_PROTOCOL] > 10);
}

/* Nothing but noise behind a type that promises an IP packet. */
static void noise(void **state)
{
	struct frame frame = {};
	__u32 i, at;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		frame.length = ETH_HLEN + draw(100);
		for (at = 0; at < frame.length; at++)
			frame.bytes[at] = draw(256);
		put16(&frame, 12, draw(2) ? TYPE_IPV4 : TYPE_IPV6);
		if (frame.length > ETH_HLEN && draw(4))
			frame.bytes[ETH_HLEN] = get16(&frame, 12) == TYPE_IPV4 ? 0x45 : 0x60;
		check(&frame);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(damaged_frames),
		WORLD_TEST(noise),
	};

	return cmocka_run_group_tests_name("parse, random frames", tests, NULL, NULL);
}
