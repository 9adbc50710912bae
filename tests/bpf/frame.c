// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "frame.h"

#define IPV4_SOURCE 12
#define IPV4_SUM 10
#define IPV6_SOURCE 8
#define FRAGMENT_HEADER 44

__u16 get16(const struct frame *frame, __u32 at)
{
	return frame->bytes[at] << 8 | frame->bytes[at + 1];
}

void put16(struct frame *frame, __u32 at, __u16 value)
{
	frame->bytes[at] = value >> 8;
	frame->bytes[at + 1] = value;
}

static void put32(struct frame *frame, __u32 at, __u32 value)
{
	put16(frame, at, value >> 16);
	put16(frame, at + 2, value);
}

/* Zeroed room for LENGTH more bytes; returns where it starts. */
static __u32 append(struct frame *frame, __u32 length)
{
	__u32 at = frame->length;

	assert(at + length <= FRAME_MAX);
	frame->length += length;
	return at;
}

void station_address(enum station station, __u8 ret[6])
{
	static const __u8 ipv4_group[] = {0x01, 0x00, 0x5e, 0, 0, 1};
	static const __u8 ipv6_group[] = {0x33, 0x33, 0, 0, 0, 1};

	memset(ret, 0, 6);
	switch (station) {
	case NOBODY:
		break;
	case IPV4_GROUP:
		memcpy(ret, ipv4_group, 6);
		break;
	case IPV6_GROUP:
		memcpy(ret, ipv6_group, 6);
		break;
	case EVERYBODY:
		memset(ret, 0xff, 6);
		break;
	default:
		ret[0] = 0x02;
		ret[5] = station;
	}
}

bool is_v6(const struct spec *spec)
{
	return spec->src && strchr(spec->src, ':');
}

__u32 transport_at(const struct spec *spec)
{
	return ETHERNET_LENGTH + (is_v6(spec) ? IPV6_LENGTH : IPV4_LENGTH);
}

/* RFC 1071: the words in big-endian order, an odd last byte as the high half of one. */
static __u32 sum(const struct frame *frame, __u32 at, __u32 length)
{
	__u32 total = 0;
	__u32 i;

	for (i = 0; i < length; i++)
		total += i % 2 ? frame->bytes[at + i] : frame->bytes[at + i] << 8;
	return total;
}

static __u16 fold(__u32 total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total;
}

static void build_ethernet(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, ETHERNET_LENGTH);
	__u16 type = spec->type ?: is_v6(spec) ? TYPE_IPV6 : TYPE_IPV4;

	station_address(spec->to, frame->bytes + at);
	station_address(spec->from, frame->bytes + at + 6);
	if (spec->tag) {
		put16(frame, at + 12, spec->tag);
		at = append(frame, 4);
		put16(frame, at, 7); /* the VLAN */
		put16(frame, at + 2, type);
		return;
	}
	put16(frame, at + 12, type);
}

static void build_ipv4(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, IPV4_LENGTH + 4U * spec->options);

	frame->bytes[at] = 0x45 + spec->options;
	put16(frame, at + 4, 0x1234); /* identification */
	put16(frame, at + 6, spec->fragment);
	frame->bytes[at + 8] = spec->ttl ?: 64;
	frame->bytes[at + 9] = spec->proto;
	assert(inet_pton(AF_INET, spec->src, frame->bytes + at + IPV4_SOURCE) == 1);
	assert(inet_pton(AF_INET, spec->dst, frame->bytes + at + IPV4_SOURCE + 4) == 1);
	memset(frame->bytes + at + IPV4_LENGTH, 1, 4U * spec->options); /* no operation */
}

static void finish_ipv4(struct frame *frame, __u32 at)
{
	__u32 length = 4U * (frame->bytes[at] & 0xf);

	put16(frame, at + 2, frame->length - at);
	put16(frame, at + IPV4_SUM, fold(sum(frame, at, length)));
}

static __u8 next_header(const struct spec *spec, __u32 i)
{
	return i < spec->extension_count ? spec->extensions[i] : spec->proto;
}

static void build_ipv6(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, IPV6_LENGTH);
	__u32 i, header;

	frame->bytes[at] = 0x60;
	frame->bytes[at + 6] = next_header(spec, 0);
	frame->bytes[at + 7] = spec->ttl ?: 64;
	assert(inet_pton(AF_INET6, spec->src, frame->bytes + at + IPV6_SOURCE) == 1);
	assert(inet_pton(AF_INET6, spec->dst, frame->bytes + at + IPV6_SOURCE + 16) == 1);
	for (i = 0; i < spec->extension_count; i++) {
		header = append(frame, 8);
		frame->bytes[header] = next_header(spec, i + 1);
		if (spec->extensions[i] == FRAGMENT_HEADER)
			put16(frame, header + 2, spec->fragment);
	}
}

static void build_tcp(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, TCP_LENGTH);

	put16(frame, at, spec->sport);
	put16(frame, at + 2, spec->dport);
	put32(frame, at + 4, spec->seq);
	put32(frame, at + 8, spec->ack);
	frame->bytes[at + 12] = TCP_LENGTH / 4 << 4;
	frame->bytes[at + 13] = spec->flags;
	put16(frame, at + 14, 0xfaf0); /* window */
}

static void build_udp(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, 8);

	put16(frame, at, spec->sport);
	put16(frame, at + 2, spec->dport);
	put16(frame, at + 4, 8 + spec->payload);
}

/* As much of the subject as RFC 792 wants: its header and eight bytes. */
static void build_quoted(struct frame *frame, const struct spec *quoted)
{
	struct frame subject = build(quoted);
	__u32 length = transport_at(quoted) - ETHERNET_LENGTH + 8;

	memcpy(frame->bytes + append(frame, length), subject.bytes + ETHERNET_LENGTH, length);
}

static void build_icmp(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, 8);

	frame->bytes[at] = spec->icmp;
	frame->bytes[at + 1] = spec->code;
	if (spec->quoted)
		build_quoted(frame, spec->quoted);
	else
		put16(frame, at + 4, spec->sport | spec->dport); /* identifier */
}

static void build_transport(struct frame *frame, const struct spec *spec)
{
	switch (spec->proto) {
	case PROTO_TCP:
		return build_tcp(frame, spec);
	case PROTO_UDP:
		return build_udp(frame, spec);
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return build_icmp(frame, spec);
	}
}

static void build_payload(struct frame *frame, const struct spec *spec)
{
	__u32 at = append(frame, spec->payload);
	__u32 i;

	for (i = 0; i < spec->payload; i++)
		frame->bytes[at + i] = i * 7 + 3;
	if (spec->fill)
		put16(frame, at, spec->fill);
}

/* Of the pseudo header (RFC 9293 3.1, RFC 8200 8.1): addresses, protocol, length. */
static __u32 pseudo_sum(const struct frame *frame, const struct spec *spec, __u32 ip, __u32 length)
{
	__u32 addresses =
		is_v6(spec) ? sum(frame, ip + IPV6_SOURCE, 32) : sum(frame, ip + IPV4_SOURCE, 8);

	return addresses + spec->proto + length;
}

static void finish_transport(struct frame *frame, const struct spec *spec, __u32 ip, __u32 at)
{
	__u32 length = frame->length - at;
	__u32 total = sum(frame, at, length);

	switch (spec->proto) {
	case PROTO_TCP:
		put16(frame, at + 16, fold(total + pseudo_sum(frame, spec, ip, length)));
		break;
	case PROTO_UDP:
		if (!spec->unsummed) /* RFC 768: a sum of zero is sent as all ones */
			put16(frame, at + 6,
			      fold(total + pseudo_sum(frame, spec, ip, length)) ?: 0xffff);
		break;
	case PROTO_ICMP:
		put16(frame, at + 2, fold(total));
		break;
	case PROTO_ICMPV6:
		put16(frame, at + 2, fold(total + pseudo_sum(frame, spec, ip, length)));
		break;
	}
}

struct frame build(const struct spec *spec)
{
	struct frame frame = {};
	__u32 ip, transport;

	build_ethernet(&frame, spec);
	if (!spec->src) {
		build_payload(&frame, spec);
		return frame;
	}
	ip = frame.length;
	if (is_v6(spec))
		build_ipv6(&frame, spec);
	else
		build_ipv4(&frame, spec);
	transport = frame.length;
	build_transport(&frame, spec);
	build_payload(&frame, spec);

	if (is_v6(spec))
		put16(&frame, ip + 4, frame.length - ip - IPV6_LENGTH);
	else
		finish_ipv4(&frame, ip);
	finish_transport(&frame, spec, ip, transport);
	return frame;
}

struct spec tcp(const char *src, __u16 sport, const char *dst, __u16 dport, __u8 flags)
{
	return (struct spec){.src = src,
			     .dst = dst,
			     .proto = PROTO_TCP,
			     .sport = sport,
			     .dport = dport,
			     .flags = flags,
			     .seq = 1000,
			     .ack = flags & ACK ? 2000 : 0};
}

struct spec udp(const char *src, __u16 sport, const char *dst, __u16 dport)
{
	return (struct spec){.src = src,
			     .dst = dst,
			     .proto = PROTO_UDP,
			     .sport = sport,
			     .dport = dport,
			     .payload = 24};
}

struct spec icmp(const char *src, const char *dst, __u8 type, __u16 id)
{
	bool reply = type == ECHO_REPLY || type == ECHO6_REPLY;
	struct spec spec = {.src = src, .dst = dst, .icmp = type, .payload = 32};

	spec.proto = is_v6(&spec) ? PROTO_ICMPV6 : PROTO_ICMP;
	*(reply ? &spec.dport : &spec.sport) = id;
	return spec;
}

struct spec raw_ip(const char *src, const char *dst, __u8 proto)
{
	return (struct spec){.src = src, .dst = dst, .proto = proto, .payload = 40};
}
