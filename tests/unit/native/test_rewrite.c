// SPDX-License-Identifier: GPL-2.0-only
/* Rewritten packets against the same packets built anew, every checksum summed up from nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "rewrite.h"
#include "parse_frame.h"
#include "world.h"

#define ROUNDS 100000
#define HEADER_WORDS 10

static __u32 draw(__u32 below)
{
	return bpf_get_prandom_u32() % below;
}

/* RFC 1071, of words in network order. */
static __u32 sum_words(const __u16 *words, __u32 count)
{
	__u32 sum = 0;

	while (count--)
		sum += *words++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static __u16 header_sum(const __u16 *header)
{
	return ~sum_words(header, HEADER_WORDS);
}

/* Corners often: what sums up to nothing, and what carries. */
static __u32 draw_word(void)
{
	static const __u32 corners[] = {0,	    0xffffffff, 0xffff,	    0xffff0000,
					1,	    0xfffffffe, 0x10000,    0xfffeffff,
					0x00010001, 0xfffefffe, 0x80008000, 0x7fff8000};

	return draw(3) ? bpf_get_prandom_u32() : corners[draw(sizeof(corners) / sizeof(__u32))];
}

/* Changes words AT and AT + 1 of a header whose sum is word 5, both ways. */
static void check_incremental(__u16 *header, __u32 at, __u32 to)
{
	__u32 from;
	__u16 incremental;

	header[5] = 0;
	header[5] = header_sum(header);
	memcpy(&from, header + at, sizeof(from));
	incremental = sum_fold(sum_replace((__u16)~header[5], from, to));
	memcpy(header + at, &to, sizeof(to));
	header[5] = 0;
	assert_int_equal(incremental, header_sum(header));
}

static void incremental_sums(void **state)
{
	__u16 header[HEADER_WORDS];
	__u32 i, at;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		for (at = 0; at < HEADER_WORDS; at++)
			header[at] = draw_word();
		header[0] |= 0x45; /* no header is all zero */
		check_incremental(header, 2 * draw(2) + 6, draw_word());
	}
}

/* A header whose sum is 0, and one whose sum becomes 0: never 0xffff (RFC 1624 3). */
static void sums_of_zero(void **state)
{
	__u16 header[HEADER_WORDS] = {0x45};
	__u32 last;

	(void)state;
	for (last = 0; last < 0x10000; last++) {
		header[6] = 0xffff - 0x45;
		header[7] = 0;
		check_incremental(header, 6, last);
		header[6] = last;
		check_incremental(header, 6, 0xffff - 0x45);
		assert_int_equal(header_sum(header), 0);
	}
}

/* Addresses as text, for the builder of frames. */
struct ends {
	char src[16], dst[16];
};

static void draw_ends(struct ends *ends)
{
	char *texts[] = {ends->src, ends->dst};
	__u32 i, address;

	for (i = 0; i < 2; i++) {
		address = draw_word();
		snprintf(texts[i], 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
			 address >> 8 & 255, address & 255);
	}
}

static __u16 draw_port(void)
{
	static const __u16 corners[] = {0, 1, 0xffff, 0xfffe, 0x00ff, 0xff00};

	return draw(3) ? draw(65536) : corners[draw(6)];
}

static struct spec draw_spec(const struct ends *ends)
{
	static const __u8 protocols[] = {PROTO_TCP, PROTO_UDP, PROTO_ICMP};
	struct spec spec = {
		.src = ends->src,
		.dst = ends->dst,
		.ttl = 2 + draw(254),
		.proto = protocols[draw(3)],
		.sport = draw_port(),
		.dport = draw_port(),
		.flags = SYN,
		.seq = bpf_get_prandom_u32(),
		.icmp = draw(2) ? ECHO : ECHO_REPLY,
		.payload = 2 + draw(40),
		.fill = 1 + draw(65535),
	};

	if (spec.proto == PROTO_ICMP)
		*(spec.icmp == ECHO ? &spec.dport : &spec.sport) = 0;
	spec.unsummed = spec.proto == PROTO_UDP && draw(4) == 0;
	return spec;
}

/* The same packet behind the gateway; some fields stay. */
static struct spec draw_translation(const struct spec *in, struct ends *ends)
{
	struct spec out = *in;

	draw_ends(ends);
	if (draw(3))
		out.src = ends->src;
	if (draw(3))
		out.dst = ends->dst;
	if (draw(2) && out.sport | (out.proto != PROTO_ICMP))
		out.sport = draw_port();
	if (draw(2) && out.dport | (out.proto != PROTO_ICMP))
		out.dport = draw_port();
	if (out.proto == PROTO_ICMP && out.icmp == ECHO)
		out.dport = 0;
	if (out.proto == PROTO_ICMP && out.icmp == ECHO_REPLY)
		out.sport = 0;
	out.ttl--;
	return out;
}

static struct tuple tuple_of(const struct spec *spec)
{
	struct frame frame = build(spec);
	struct packet packet;

	assert_int_equal(parse_frame(&frame, WHOLE_FRAME, &packet), 0);
	return packet.tuple;
}

static __u32 sum_at(const struct spec *spec)
{
	return transport_at(spec) + (spec->proto == PROTO_TCP	? 16
				     : spec->proto == PROTO_UDP ? 6
								: 2);
}

/* Makes FRAME one that this machine built: only the pseudo header is in the sum yet. */
static void make_partial(struct frame *frame, const struct spec *spec)
{
	__u16 pseudo[6];
	__u32 sum, at = sum_at(spec);

	if (spec->proto == PROTO_ICMP) /* without a pseudo header there is nothing to sum */
		return;
	memcpy(pseudo, frame->bytes + 26, 8);
	pseudo[4] = bpf_htons(spec->proto);
	pseudo[5] = bpf_htons(frame->length - transport_at(spec));
	sum = sum_words(pseudo, 6);
	memcpy(frame->bytes + at, &(__u16){sum}, 2);
}

static struct frame draw_frame(const struct spec *spec)
{
	struct frame frame = build(spec);

	if (kernel.summed == SUMMED_PARTIAL)
		make_partial(&frame, spec);
	return frame;
}

static __u32 sum_behind_link(const struct frame *frame)
{
	__u16 words[FRAME_MAX / 2] = {};

	memcpy(words, frame->bytes + ETH_HLEN, frame->length - ETH_HLEN);
	return sum_words(words, (frame->length - ETH_HLEN + 1) / 2);
}

static void assert_same_frame(const struct frame *is, const struct frame *should)
{
	assert_int_equal(is->length, should->length);
	assert_memory_equal(is->bytes, should->bytes, should->length);
}

/* In one's complement 0 and 0xffff are one number, and a sum that is not sent may be either. */
static void equate_zeroes(struct frame *frame, __u32 at)
{
	if (get16(frame, at) == 0xffff)
		put16(frame, at, 0);
}

/* Rewrites IN into OUT, with L2 bytes of link header and LINEAR bytes in place. */
static void check_rewrite(const struct spec *in, const struct spec *out, struct arrival arrival)
{
	struct frame frame = draw_frame(in), expected = draw_frame(out), result = frame;
	__u32 skipped = ETH_HLEN - arrival.link_header;
	struct tuple translated = tuple_of(out);
	struct packet packet = {};
	struct __sk_buff *skb;

	kernel.sum = sum_behind_link(&frame);
	skb = frame_arrives(&frame, arrival);
	assert_int_equal(parse(skb, &packet, ZONE_VPN, arrival.link_header), 0);
	assert_int_equal(rewrite(skb, &packet, &translated, arrival.link_header), 0);
	assert_int_equal(skb->len + skipped, frame.length);
	skb_copy(skb, result.bytes + skipped);
	if (kernel.summed == SUMMED_COMPLETE)
		assert_int_equal(kernel.sum % 0xffff, sum_behind_link(&result) % 0xffff);
	if (kernel.summed == SUMMED_PARTIAL) {
		equate_zeroes(&result, sum_at(out));
		equate_zeroes(&expected, sum_at(out));
	}
	assert_same_frame(&result, &expected);
}

static void check_random(enum summed summed)
{
	struct arrival arrival = WHOLE_FRAME;
	struct ends ends, new_ends;
	struct spec in, out;
	__u32 i;

	kernel.summed = summed;
	for (i = 0; i < ROUNDS / 4; i++) {
		draw_ends(&ends);
		in = draw_spec(&ends);
		if (summed == SUMMED_PARTIAL && in.proto == PROTO_ICMP)
			continue;
		in.unsummed &= summed == SUMMED_NONE;
		out = draw_translation(&in, &new_ends);
		arrival.link_header = draw(2) ? ETH_HLEN : 0;
		arrival.linear = draw(3) ? FRAME_MAX : draw(60);
		check_rewrite(&in, &out, arrival);
	}
}

static void received_packets(void **state)
{
	(void)state;
	check_random(SUMMED_NONE);
}

static void packets_of_this_machine(void **state)
{
	(void)state;
	check_random(SUMMED_PARTIAL);
}

/* The card summed all of it up: what it said must go on to hold. */
static void packets_summed_by_the_card(void **state)
{
	(void)state;
	check_random(SUMMED_COMPLETE);
}

/* RFC 768: none stays none, a sum of zero is written as all ones. */
static void udp_zero(void **state)
{
	struct spec in = udp("198.51.100.9", 40000, "10.1.0.2", 53), out;
	struct frame frame;
	__u32 port;

	(void)state;
	for (port = 0; port < 0x10000; port++) {
		out = in;
		out.dst = "10.0.3.2";
		out.sport = port;
		out.ttl = 63;
		check_rewrite(&in, &out, WHOLE_FRAME);
		frame = build(&out);
		if (get16(&frame, sum_at(&out)) == 0xffff)
			break;
	}
	assert_true(port < 0x10000); /* there is a port for every sum */
	in.unsummed = out.unsummed = true;
	check_rewrite(&in, &out, WHOLE_FRAME);
	frame = build(&out);
	assert_int_equal(get16(&frame, sum_at(&out)), 0);
}

static void ttl_goes_down_by_one(void **state)
{
	struct spec in = tcp("198.51.100.9", 40000, "10.1.0.2", 22, SYN), out;
	__u32 ttl;

	(void)state;
	for (ttl = 2; ttl < 256; ttl++) {
		in.ttl = ttl;
		out = in;
		out.ttl = ttl - 1;
		check_rewrite(&in, &out, WHOLE_FRAME);
	}
}

/* A header that went away between parsing and rewriting: no half-rewritten packet goes on. */
static void a_packet_that_shrank(void **state)
{
	struct spec in = tcp("198.51.100.9", 40000, "10.1.0.2", 22, SYN);
	struct frame frame = build(&in);
	struct packet packet;
	struct tuple out;
	__u32 length;

	(void)state;
	assert_int_equal(parse_frame(&frame, WHOLE_FRAME, &packet), 0);
	out = packet.tuple;
	out.dst = addr4(10, 0, 3, 2);
	out.dport = bpf_htons(80);
	for (length = ETH_HLEN; length < transport_at(&in) + 18; length++)
		assert_int_equal(rewrite(skb_make(frame.bytes, length, length), &packet, &out,
					 ETH_HLEN),
				 -DROP_REWRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(incremental_sums),		WORLD_TEST(sums_of_zero),
		WORLD_TEST(received_packets),		WORLD_TEST(packets_of_this_machine),
		WORLD_TEST(packets_summed_by_the_card), WORLD_TEST(udp_zero),
		WORLD_TEST(ttl_goes_down_by_one),	WORLD_TEST(a_packet_that_shrank),
	};

	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
