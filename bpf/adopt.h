/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's own connections that the gateway did not see open: it was loaded under them, or their
 * entry was evicted. The socket table knows them.
 */
#ifndef ADOPT_H
#define ADOPT_H

#include "flow.h"
#include "open.h"

/* A listener, a handshake from outside and a dead socket are no connections. */
static __always_inline bool is_connection(__u32 state)
{
	return state != BPF_TCP_LISTEN && state != BPF_TCP_NEW_SYN_RECV &&
	       state != BPF_TCP_SYN_RECV && state != BPF_TCP_CLOSE;
}

static __always_inline bool has_tcp_socket(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					   __u32 size)
{
	struct bpf_sock *sock = bpf_skc_lookup_tcp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	bool connected;

	if (!sock)
		return false;
	connected = is_connection(sock->state);
	bpf_sk_release(sock);
	return connected;
}

/* An unconnected UDP socket takes packets from anybody, which is no reason to let them in. */
static __always_inline bool has_udp_socket(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					   __u32 size, __be16 remote_port)
{
	struct bpf_sock *sock = bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	bool connected;

	if (!sock)
		return false;
	connected = remote_port && sock->dst_port == remote_port;
	bpf_sk_release(sock);
	return connected;
}

static __always_inline bool has_socket(struct __sk_buff *skb, const struct tuple *in, bool v4)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = v4 ? sizeof(tuple.ipv4) : sizeof(tuple.ipv6);

	if (v4) {
		tuple.ipv4.saddr = in->src.words[3];
		tuple.ipv4.daddr = in->dst.words[3];
		tuple.ipv4.sport = in->sport;
		tuple.ipv4.dport = in->dport;
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, &in->src, sizeof(in->src));
		__builtin_memcpy(tuple.ipv6.daddr, &in->dst, sizeof(in->dst));
		tuple.ipv6.sport = in->sport;
		tuple.ipv6.dport = in->dport;
	}
	if (in->proto == IPPROTO_TCP)
		return has_tcp_socket(skb, &tuple, size);
	if (in->proto == IPPROTO_UDP)
		return has_udp_socket(skb, &tuple, size, in->sport);
	return false;
}

/* A session of host control outlives its grant, but only the grant counts: false where it is not
 * given to the packet now. */
static __always_inline bool may_adopt(const struct packet *packet, struct lease *lease)
{
	struct decision decision;

	if (packet->to_group || is_opening_syn(packet))
		return false;
	if (!is_host_control(packet))
		return true;
	decision = policy_host_control(packet);
	*lease = decision.lease;
	return decision.action == ACTION_HOST && packet->tuple.zone != ZONE_CONTAINER;
}

/* Whether the packet belongs to a connection of the host's own, which then gets its entries. */
__noinline int adopt(struct __sk_buff *skb, __u64 now)
{
	const struct packet *packet = handed_packet();
	struct lease lease = {};

	if (!packet || !may_adopt(packet, &lease))
		return false;
	if (!has_socket(skb, &packet->tuple, packet->v4))
		return false;
	if (!open_host(skb, &MAP_FLOWS, packet, &lease, false, now))
		count_total(TOTAL_ADOPTED);
	return true;
}

/* The tuple of the quoted packet, as this host sent it. Returns 0 or -DROP_ICMP_ERROR. */
static __always_inline int parse_quoted(struct __sk_buff *skb, const struct packet *error,
					struct tuple *ret)
{
	__u32 at = error->l4 + sizeof(struct icmphdr);
	__be16 start[4] = {}; /* ports, or type and code, checksum, identifier, sequence */
	struct iphdr v4;
	struct ipv6hdr v6;

	*ret = (struct tuple){.zone = error->tuple.zone};
	if (error->v4) {
		if (bpf_skb_load_bytes(skb, at, &v4, sizeof(v4)) || v4.ihl != 5)
			return -DROP_ICMP_ERROR;
		addr_set_v4(&ret->src, v4.saddr);
		addr_set_v4(&ret->dst, v4.daddr);
		ret->proto = v4.protocol;
		at += sizeof(v4);
	} else {
		if (bpf_skb_load_bytes(skb, at, &v6, sizeof(v6)))
			return -DROP_ICMP_ERROR;
		__builtin_memcpy(&ret->src, &v6.saddr, sizeof(ret->src));
		__builtin_memcpy(&ret->dst, &v6.daddr, sizeof(ret->dst));
		ret->proto = v6.nexthdr;
		at += sizeof(v6);
	}
	if (bpf_skb_load_bytes(skb, at, start, sizeof(start)))
		return -DROP_ICMP_ERROR;
	if (ret->proto == IPPROTO_TCP || ret->proto == IPPROTO_UDP) {
		ret->sport = start[0];
		ret->dport = start[1];
	} else {
		ret->sport = start[2];
	}
	return 0;
}

/* Whether an ICMP error is about a live flow of the host's own, and so for the stack. */
__noinline int is_host_error(struct __sk_buff *skb)
{
	const struct packet *error = handed_packet();
	struct tuple sent, answer;
	struct flow *flow;

	if (!error || parse_quoted(skb, error, &sent))
		return false;
	answer = tuple_reversed(&sent);
	flow = bpf_map_lookup_elem(&MAP_FLOWS, &answer);
	if (!flow)
		flow = bpf_map_lookup_elem(&MAP_HALF_OPEN, &answer);
	if (flow)
		return flow->kind == FLOW_HOST && lease_live(&flow->lease);
	return has_socket(skb, &answer, error->v4);
}

#endif
