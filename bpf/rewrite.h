/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turning a packet into its translated self (RFC 3022 4.1 to 4.3).
 *
 * The transport checksum goes through the helper alone: a packet that was built on this machine
 * carries only the sum of the pseudo header, a received one may carry the card's sum beside it, and
 * only the helper knows which. The IPv4 header's own sum is in no other, so it is updated in place.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include "packet.h"

/* Where a transport protocol keeps what is rewritten, from the start of its header. */
struct transport_layout {
	__u32 source;
	__u32 dest;
	__u32 checksum;
	__u64 address_flags; /* for the helper, besides the size */
	__u64 port_flags;
};

/* RFC 768: a UDP checksum of zero is none, and stays so. */
static __always_inline struct transport_layout layout_of(const struct packet *packet)
{
	switch (packet->tuple.proto) {
	case IPPROTO_TCP:
		return (struct transport_layout){0, 2, 16, BPF_F_PSEUDO_HDR, 0};
	case IPPROTO_UDP:
		return (struct transport_layout){0, 2, 6, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0,
						 BPF_F_MARK_MANGLED_0};
	default: /* ICMP: the identifier stands for either port, no pseudo header */
		return (struct transport_layout){4, 4, 2, 0, 0};
	}
}

/* RFC 1624 equation 3, of 16-bit words in network order. */
static __always_inline __u32 sum_replace(__u32 sum, __be32 from, __be32 to)
{
	sum += (~from & 0xffff) + (~from >> 16 & 0xffff);
	return sum + (to & 0xffff) + (to >> 16);
}

static __always_inline __sum16 sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Addresses and TTL. The caller has seen to it that the TTL is above 1. */
static __always_inline int rewrite_ipv4(struct __sk_buff *skb, const struct tuple *out, __u32 l2)
{
	struct iphdr *ip = packet_head(skb, l2 + sizeof(*ip));
	__be16 ttl_from, ttl_to;
	__u32 sum;

	if (!ip)
		return -DROP_REWRITE;
	ip = (void *)ip + l2;
	ttl_from = *(__be16 *)&ip->ttl;
	ip->ttl--;
	ttl_to = *(__be16 *)&ip->ttl;

	sum = (__u16)~ip->check;
	sum = sum_replace(sum, ttl_from, ttl_to);
	sum = sum_replace(sum, ip->saddr, out->src.words[3]);
	sum = sum_replace(sum, ip->daddr, out->dst.words[3]);
	ip->saddr = out->src.words[3];
	ip->daddr = out->dst.words[3];
	ip->check = sum_fold(sum);
	return 0;
}

static __always_inline int rewrite_address_sum(struct __sk_buff *skb, __u32 checksum, __be32 from,
					       __be32 to, __u64 flags)
{
	if (from == to || !flags)
		return 0;
	return bpf_l4_csum_replace(skb, checksum, from, to, flags | sizeof(from)) ? -DROP_REWRITE
										  : 0;
}

static __always_inline int rewrite_port(struct __sk_buff *skb, __u32 offset, __u32 checksum,
					__be16 from, __be16 to, __u64 flags)
{
	if (from == to)
		return 0;
	if (bpf_l4_csum_replace(skb, checksum, from, to, flags | sizeof(from)) ||
	    bpf_skb_store_bytes(skb, offset, &to, sizeof(to), 0))
		return -DROP_REWRITE;
	return 0;
}

/* Makes SKB, which parsed as PACKET after L2 bytes, the packet OUT. On failure it is fit for
 * nothing. */
static __always_inline int rewrite(struct __sk_buff *skb, const struct packet *packet,
				   const struct tuple *out, __u32 l2)
{
	struct transport_layout layout = layout_of(packet);
	const struct tuple *in = &packet->tuple;
	__u32 l4 = l2 + sizeof(struct iphdr);
	__u32 checksum = l4 + layout.checksum;

	if (rewrite_ipv4(skb, out, l2) ||
	    rewrite_address_sum(skb, checksum, in->src.words[3], out->src.words[3],
				layout.address_flags) ||
	    rewrite_address_sum(skb, checksum, in->dst.words[3], out->dst.words[3],
				layout.address_flags) ||
	    rewrite_port(skb, l4 + layout.source, checksum, in->sport, out->sport,
			 layout.port_flags) ||
	    rewrite_port(skb, l4 + layout.dest, checksum, in->dport, out->dport, layout.port_flags))
		return -DROP_REWRITE;
	return 0;
}

#endif
