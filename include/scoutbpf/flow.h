/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows: one entry for each direction of a connection.
 *
 * The key is the tuple of a packet as it comes in; the value says as what the packet leaves.
 * Reversed, the outgoing tuple is the key of the other direction's entry, so that either
 * entry leads to its partner and no third record has to agree with the two. Each direction
 * counts and ages itself: two CPUs that carry the two directions share no cache line.
 */
#ifndef SCOUTBPF_FLOW_H
#define SCOUTBPF_FLOW_H

#include <scoutbpf/base.h>

/* Where a packet comes in, or where the host sends it. Part of every key: a packet from the
 * LAN never matches a flow of the VPN, whatever addresses it claims. */
enum zone {
	ZONE_VPN = 1,
	ZONE_LAN = 2,
	ZONE_CONTAINER = 3,
};

#define ZONE_BIT(zone) (1U << (zone))

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). Network order. */
union addr {
	__u8 bytes[16];
	__be32 words[4];
};
ASSERT_SIZE(union addr, 16);

/*
 * Network byte order. An ICMP echo has its identifier in the port of the end that asked,
 * and 0 in the other (RFC 5508 3.1 treats the identifier as the port).
 */
struct tuple {
	union addr src;
	union addr dst;
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IPPROTO_* */
	__u8 zone; /* enum zone */
	__u16 pad;
};
ASSERT_SIZE(struct tuple, 40);

/* The tuple of an answer. */
static inline __attribute__((always_inline)) struct tuple tuple_reversed(const struct tuple *tuple)
{
	return (struct tuple){
		.src = tuple->dst,
		.dst = tuple->src,
		.sport = tuple->dport,
		.dport = tuple->sport,
		.proto = tuple->proto,
		.zone = tuple->zone,
	};
}

enum flow_kind {
	FLOW_FORWARDED = 1, /* opened from outside, to the container */
	FLOW_OUTBOUND = 2, /* opened by the container */
	FLOW_HOST = 3, /* one end is the host itself */
};

enum flow_direction {
	FLOW_ORIGINAL = 0, /* from the end that opened the flow */
	FLOW_REPLY = 1,
};

/* How a packet of this direction leaves. */
enum delivery {
	DELIVER_STACK = 0, /* it stays with the host */
	DELIVER_CONTAINER = 1, /* into the container, as its slot says */
	DELIVER_LINK = 2, /* out of an interface, link addresses known (none on an IP link) */
	DELIVER_NEIGHBOUR = 3, /* out of an interface, the kernel resolves the next hop */
};

/* What has been seen of a TCP connection, one byte for each direction. */
enum tcp_seen {
	TCP_SEEN_SYN = 1,
	TCP_SEEN_FIN = 2,
	TCP_SEEN_RST = 4,
};

/*
 * What a flow depends on: live while the grant's generation is the remembered one and its
 * expiry is ahead. Generation 0 depends on nothing.
 */
struct lease {
	__u32 grant; /* index in the grants map */
	__u32 gen; /* generation of that grant */
	__u32 lan_gen; /* generation of LAN access; 0: not opened from the LAN */
};

/* In place of an interface's slot: the packet comes from the host itself. */
#define NO_SLOT 0xffff

struct flow {
	struct tuple out; /* the packet as it leaves; reversed: the partner's key */
	__u64 packets; /* of this direction, as the wire sees them (GSO segments) */
	__u64 bytes; /* of this direction, IP header included */
	__u64 opened; /* CLOCK_BOOTTIME, ns */
	__u64 seen; /* the last packet of this direction, jiffies */
	struct lease lease;
	__u32 timeout; /* jiffies without a packet in either direction */
	__u16 in_slot; /* slot of the interface this direction comes in by; NO_SLOT: the host */
	__u16 out_slot; /* of the one it leaves by, DELIVER_LINK and DELIVER_NEIGHBOUR */
	union {
		struct { /* DELIVER_LINK, DELIVER_CONTAINER */
			__u8 dst[6];
			__u8 src[6];
		} link;
		union addr next_hop; /* DELIVER_NEIGHBOUR */
	};
	__u32 isn; /* of the answering SYN, host order; valid with TCP_SEEN_SYN of the reply */
	__u8 kind; /* enum flow_kind */
	__u8 direction; /* enum flow_direction */
	__u8 delivery; /* enum delivery */
	__u8 container; /* slot, forwarded and outbound flows */
	__u8 tcp[2]; /* enum tcp_seen, by direction */
	__u8 pad[2];
};
ASSERT_SIZE(struct flow, 120);

/* Idle limits in jiffies: the per-packet clock is the cheap one, and its rate is the kernel's. */
struct timeouts {
	__u32 tcp_half_open;
	__u32 tcp_established;
	__u32 tcp_closing;
	__u32 udp;
	__u32 icmp;
};

/* The same in seconds, with where each comes from. */
#define TCP_HALF_OPEN_SECONDS 30 /* a handshake with retransmissions */
#define TCP_ESTABLISHED_SECONDS 7440 /* RFC 5382 REQ-5: at least 2 h 4 min */
#define TCP_CLOSING_SECONDS 240 /* RFC 5382 REQ-5: transitory, at least 4 min */
#define UDP_SECONDS 300 /* RFC 4787 REQ-5: 5 min recommended */
#define ICMP_SECONDS 60 /* RFC 5508 REQ-2: at least 60 s */

#endif
