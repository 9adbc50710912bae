/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From bytes to a parsed packet. What cannot be parsed to its ports is no packet for the policy:
 * fragments, IPv4 options and foreign VLAN tags get a reason, extension headers are walked.
 */
#ifndef PACKET_H
#define PACKET_H

#include <bpf/bpf_endian.h>

#include "maps.h"

/* parse() returns 0, PARSE_NOT_IP, or a negated enum drop_reason. */
#define PARSE_NOT_IP 1

/* Hop-by-hop, destination, routing and authentication headers, each once, are all a host sends. */
#define MAX_EXTENSION_HEADERS 6

/* Of the byte that holds the flags in a TCP header (RFC 9293 3.1). */
#define TCP_FLAGS_OFFSET 13
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* ICMP and ICMPv6 types brought to one set of classes. */
enum icmp_class {
	ICMP_CLASS_NONE = 0, /* not ICMP */
	ICMP_CLASS_ECHO,
	ICMP_CLASS_ECHO_REPLY,
	ICMP_CLASS_ERROR,
	ICMP_CLASS_LINK, /* ND, RA, MLD: how the link itself works */
	ICMP_CLASS_OTHER,
};

/* Holds no pointer into the packet: helpers that move the packet leave it valid. */
struct packet {
	struct tuple tuple; /* ports zero for what has none */
	__u32 l3; /* offset of the IP header */
	__u32 l4; /* offset of the transport header */
	__u32 end; /* offset behind the IP packet, which padding may follow */
	__u32 seq; /* TCP, host order */
	__u32 ack; /* TCP, host order */
	__u8 v4;
	__u8 ttl; /* or hop limit */
	__u8 tcp; /* TCP flags */
	__u8 icmp; /* enum icmp_class */
	__u8 to_me; /* the frame is addressed to this host (always, where there are no frames) */
	__u8 to_group; /* a multicast or broadcast frame or IP address */
};

static __always_inline void *packet_data(struct __sk_buff *skb)
{
	return (void *)(long)skb->data;
}

static __always_inline void *packet_end(struct __sk_buff *skb)
{
	return (void *)(long)skb->data_end;
}

/*
 * Makes the first SIZE bytes, a constant, directly readable: a locally built or a header-split
 * packet may hold none of them in its linear part. Returns them, NULL where the packet is shorter.
 */
static __always_inline void *packet_head(struct __sk_buff *skb, __u32 size)
{
	if (packet_data(skb) + size > packet_end(skb)) {
		if (bpf_skb_pull_data(skb, size))
			return NULL;
		if (packet_data(skb) + size > packet_end(skb))
			return NULL;
	}
	return packet_data(skb);
}

static __always_inline void addr_set_v4(union addr *addr, __be32 v4)
{
	addr->words[0] = 0;
	addr->words[1] = 0;
	addr->words[2] = bpf_htonl(0xffff);
	addr->words[3] = v4;
}

/* ::ffff:0:0/96 stands for IPv4 here, and on no wire (RFC 4038 4.2). */
static __always_inline bool is_mapped(const union addr *addr)
{
	return !addr->words[0] && !addr->words[1] && addr->words[2] == bpf_htonl(0xffff);
}

static __always_inline enum icmp_class icmp4_class(__u8 type)
{
	switch (type) {
	case ICMP_ECHO:
		return ICMP_CLASS_ECHO;
	case ICMP_ECHOREPLY:
		return ICMP_CLASS_ECHO_REPLY;
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return ICMP_CLASS_ERROR;
	default:
		return ICMP_CLASS_OTHER;
	}
}

/* RFC 4890 4.4.1: what a host cannot do without. ND counts only from the link itself. */
static __always_inline enum icmp_class icmp6_class(__u8 type, __u8 hop_limit)
{
	switch (type) {
	case ICMPV6_ECHO_REQUEST:
		return ICMP_CLASS_ECHO;
	case ICMPV6_ECHO_REPLY:
		return ICMP_CLASS_ECHO_REPLY;
	case ICMPV6_DEST_UNREACH:
	case ICMPV6_PKT_TOOBIG:
	case ICMPV6_TIME_EXCEED:
	case ICMPV6_PARAMPROB:
		return ICMP_CLASS_ERROR;
	case ICMPV6_MGM_QUERY:
	case ICMPV6_MGM_REPORT:
	case ICMPV6_MGM_REDUCTION:
	case ICMPV6_MLD2_REPORT:
		return ICMP_CLASS_LINK;
	case NDISC_ROUTER_SOLICITATION:
	case NDISC_ROUTER_ADVERTISEMENT:
	case NDISC_NEIGHBOUR_SOLICITATION:
	case NDISC_NEIGHBOUR_ADVERTISEMENT:
	case NDISC_REDIRECT:
		return hop_limit == 255 ? ICMP_CLASS_LINK : ICMP_CLASS_OTHER;
	default:
		return ICMP_CLASS_OTHER;
	}
}

/*
 * SIZE bytes of the transport header. Where its offset is fixed (DIRECT, a constant: IPv4 without
 * options) they are read in place, else through COPY.
 */
static __always_inline void *transport_header(struct __sk_buff *skb, const struct packet *packet,
					      bool direct, void *copy, __u32 size)
{
	if (packet->l4 + size > packet->end)
		return NULL;
	if (direct) {
		void *head = packet_head(skb, packet->l3 + sizeof(struct iphdr) + size);

		return head ? head + packet->l3 + sizeof(struct iphdr) : NULL;
	}
	return bpf_skb_load_bytes(skb, packet->l4, copy, size) ? NULL : copy;
}

static __always_inline int parse_tcp(struct __sk_buff *skb, struct packet *packet, bool direct)
{
	struct tcphdr copy, *tcp;

	tcp = transport_header(skb, packet, direct, &copy, sizeof(copy));
	if (!tcp || tcp->doff < 5 || packet->l4 + tcp->doff * 4 > packet->end)
		return -DROP_MALFORMED;
	packet->tuple.sport = tcp->source;
	packet->tuple.dport = tcp->dest;
	packet->seq = bpf_ntohl(tcp->seq);
	packet->ack = bpf_ntohl(tcp->ack_seq);
	packet->tcp = ((__u8 *)tcp)[TCP_FLAGS_OFFSET];
	return 0;
}

static __always_inline int parse_udp(struct __sk_buff *skb, struct packet *packet, bool direct)
{
	struct udphdr copy, *udp;

	udp = transport_header(skb, packet, direct, &copy, sizeof(copy));
	if (!udp)
		return -DROP_MALFORMED;
	packet->tuple.sport = udp->source;
	packet->tuple.dport = udp->dest;
	return 0;
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *packet, bool direct)
{
	struct icmphdr copy, *icmp;

	icmp = transport_header(skb, packet, direct, &copy, sizeof(copy));
	if (!icmp)
		return -DROP_MALFORMED;
	packet->icmp = packet->v4 ? icmp4_class(icmp->type) : icmp6_class(icmp->type, packet->ttl);
	if (packet->icmp == ICMP_CLASS_ECHO)
		packet->tuple.sport = icmp->un.echo.id;
	else if (packet->icmp == ICMP_CLASS_ECHO_REPLY)
		packet->tuple.dport = icmp->un.echo.id;
	return 0;
}

static __always_inline int parse_transport(struct __sk_buff *skb, struct packet *packet,
					   bool direct)
{
	switch (packet->tuple.proto) {
	case IPPROTO_TCP:
		return parse_tcp(skb, packet, direct);
	case IPPROTO_UDP:
		return parse_udp(skb, packet, direct);
	case IPPROTO_ICMP:
		return packet->v4 ? parse_icmp(skb, packet, direct) : -DROP_PROTOCOL;
	case IPPROTO_ICMPV6:
		return packet->v4 ? -DROP_PROTOCOL : parse_icmp(skb, packet, direct);
	default:
		return 0; /* the policy has a word on it */
	}
}

/*
 * The length that the IP header says. None means a packet that is longer than the field can say,
 * which only a GSO packet is.
 */
static __always_inline int set_end(struct __sk_buff *skb, struct packet *packet, __u32 end,
				   bool none)
{
	packet->end = none && skb->gso_segs > 1 ? skb->len : end;
	return packet->end > skb->len ? -DROP_MALFORMED : 0;
}

/* The header lengths come first: a direct read of ports at a wrong offset would be a hole. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr *ip = packet_head(skb, packet->l3 + sizeof(*ip));

	if (!ip)
		return -DROP_MALFORMED;
	ip = (void *)ip + packet->l3;
	if (ip->version != 4 || ip->ihl < 5 ||
	    set_end(skb, packet, packet->l3 + bpf_ntohs(ip->tot_len), !ip->tot_len))
		return -DROP_MALFORMED;
	if (ip->ihl > 5)
		return -DROP_IP_OPTIONS;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return -DROP_FRAGMENT;

	packet->v4 = 1;
	packet->l4 = packet->l3 + sizeof(*ip);
	packet->ttl = ip->ttl;
	packet->tuple.proto = ip->protocol;
	addr_set_v4(&packet->tuple.src, ip->saddr);
	addr_set_v4(&packet->tuple.dst, ip->daddr);
	packet->to_group |= (ip->daddr & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) ||
			    ip->daddr == bpf_htonl(0xffffffff);
	return parse_transport(skb, packet, true);
}

static __always_inline bool is_extension_header(__u8 next)
{
	return next == NEXTHDR_HOP || next == NEXTHDR_ROUTING || next == NEXTHDR_DEST ||
	       next == NEXTHDR_AUTH;
}

/* Walks to the transport header; a fragment has none that can be trusted. */
static __always_inline int skip_extensions(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6_opt_hdr option;
	int i;

	for (i = 0; i <= MAX_EXTENSION_HEADERS; i++) {
		__u8 next = packet->tuple.proto;

		if (next == NEXTHDR_FRAGMENT)
			return -DROP_FRAGMENT;
		if (!is_extension_header(next))
			return 0;
		if (bpf_skb_load_bytes(skb, packet->l4, &option, sizeof(option)))
			return -DROP_MALFORMED;
		/* RFC 4302 2.2: the authentication header counts in another unit. */
		packet->l4 +=
			next == NEXTHDR_AUTH ? (option.hdrlen + 2U) * 4 : (option.hdrlen + 1U) * 8;
		packet->tuple.proto = option.nexthdr;
	}
	return -DROP_MALFORMED;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6hdr *ip = packet_head(skb, packet->l3 + sizeof(*ip));
	int err;

	if (!ip)
		return -DROP_MALFORMED;
	ip = (void *)ip + packet->l3;
	if (ip->version != 6 ||
	    set_end(skb, packet, packet->l3 + sizeof(*ip) + bpf_ntohs(ip->payload_len),
		    !ip->payload_len))
		return -DROP_MALFORMED;

	packet->l4 = packet->l3 + sizeof(*ip);
	packet->ttl = ip->hop_limit;
	packet->tuple.proto = ip->nexthdr;
	__builtin_memcpy(&packet->tuple.src, &ip->saddr, sizeof(union addr));
	__builtin_memcpy(&packet->tuple.dst, &ip->daddr, sizeof(union addr));
	packet->to_group |= packet->tuple.dst.bytes[0] == 0xff;
	if (is_mapped(&packet->tuple.src) || is_mapped(&packet->tuple.dst))
		return -DROP_MALFORMED;

	err = skip_extensions(skb, packet);
	if (err)
		return err;
	return parse_transport(skb, packet, false);
}

/*
 * A tag that the card took off is not in the frame but beside it. VID 0 is a priority and no
 * VLAN (IEEE 802.1Q 6.9.1): it is taken off for good, since the container has no use for it.
 */
static __always_inline int strip_priority_tag(struct __sk_buff *skb)
{
	if (skb->vlan_tci & 0x0fff)
		return -DROP_VLAN;
	if (bpf_skb_vlan_pop(skb))
		return -DROP_MALFORMED;
	return skb->vlan_present ? -DROP_VLAN : 0; /* a second tag was under it */
}

/* Fills *PACKET from SKB, seen in ZONE with L2 bytes of link header (0 or ETH_HLEN). */
static __always_inline int parse(struct __sk_buff *skb, struct packet *packet, __u8 zone, __u32 l2)
{
	int err;

	if (skb->vlan_present) {
		err = strip_priority_tag(skb);
		if (err)
			return err;
	}
	packet->l3 = l2;
	packet->tuple.zone = zone;
	packet->to_me = skb->pkt_type == PACKET_HOST;
	packet->to_group = skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST;

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return parse_ipv4(skb, packet);
	case bpf_htons(ETH_P_IPV6):
		return parse_ipv6(skb, packet);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return -DROP_VLAN;
	default:
		return PARSE_NOT_IP;
	}
}

static __always_inline bool is_opening_syn(const struct packet *packet)
{
	return packet->tuple.proto == IPPROTO_TCP &&
	       (packet->tcp & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* Whether a packet without a flow may open one. */
static __always_inline bool is_opening(const struct packet *packet)
{
	return is_opening_syn(packet) || packet->tuple.proto == IPPROTO_UDP ||
	       packet->icmp == ICMP_CLASS_ECHO;
}

/* Every key, padding included, is written in full: it may be compared as bytes. */
static __always_inline bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	const __u64 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

/*
 * What no flow knows is told to functions that are not static: the verifier looks at such a one by
 * itself, once, and not on every way that leads to it. They take no pointers, and so the packet
 * is handed over beside them. It belongs to this CPU until the program ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} MAP_PACKETS SEC(".maps");

static __always_inline struct packet *handed_packet(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&MAP_PACKETS, &zero);
}

static __always_inline bool hand_over(const struct packet *packet)
{
	struct packet *handed = handed_packet();

	if (handed)
		*handed = *packet;
	return handed;
}

#endif
