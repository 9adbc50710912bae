/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow tables: finding, opening, promoting, ageing, ending.
 *
 * A flow is two entries, and the kernel may evict one without the other. Nothing relies on the
 * partner being there: it is consulted where this direction alone cannot tell.
 */
#ifndef FLOW_H
#define FLOW_H

#include "packet.h"
#include "policy.h"
#include "report.h"

/* How far beyond the answering SYN a handshake's last acknowledgement may lie: data that the
 * answering end sent at once (RFC 7413) is acknowledged with it. */
#define HANDSHAKE_ACK_WINDOW (1U << 20)

/* What an update with BPF_NOEXIST says of a key that is there. */
#ifndef EEXIST
#define EEXIST 17
#endif

static __noinline struct flow *flow_partner(void *table, const struct flow *flow)
{
	struct tuple key = tuple_reversed(&flow->out);

	return bpf_map_lookup_elem(table, &key);
}

/* Signed: another CPU may have stamped the flow a jiffy after this one read its clock. */
static __always_inline bool is_idle(const struct flow *flow, __u64 now)
{
	return (__s64)(now - flow->seen) > (__s64)flow->timeout;
}

/* Idle is a flow, not a direction: a one-way stream keeps both entries alive. */
static __always_inline bool flow_expired(void *table, const struct flow *flow, __u64 now)
{
	struct flow *partner;

	if (!is_idle(flow, now))
		return false;
	partner = flow_partner(table, flow);
	return !partner || is_idle(partner, now);
}

static __noinline void flow_delete(void *table, const struct tuple *key, const struct flow *flow)
{
	struct tuple partner = tuple_reversed(&flow->out);

	bpf_map_delete_elem(table, key);
	bpf_map_delete_elem(table, &partner);
}

/* The live entry for KEY in TABLE; what ran out is removed on the way. */
static __always_inline struct flow *flow_find(void *table, const struct tuple *key, __u64 now)
{
	struct flow *flow = bpf_map_lookup_elem(table, key);

	if (flow && flow_expired(table, flow, now)) {
		flow_delete(table, key, flow);
		return NULL;
	}
	return flow;
}

/*
 * Counts as the wire will see it: a GSO packet is as many packets as it has segments. The clock is
 * written when it moved, so that a busy flow does not dirty the line for it.
 */
static __always_inline void flow_account(struct flow *flow, struct __sk_buff *skb,
					 const struct packet *packet, __u64 now)
{
	__sync_fetch_and_add(&flow->packets, skb->gso_segs ?: 1);
	__sync_fetch_and_add(&flow->bytes, skb->len - packet->l3);
	if (flow->seen != now)
		flow->seen = now;
}

static __always_inline __u32 half_open_timeout(__u8 proto)
{
	if (proto == IPPROTO_TCP)
		return timeouts.tcp_half_open;
	return proto == IPPROTO_UDP ? timeouts.udp : timeouts.icmp;
}

static __always_inline __u32 open_timeout(__u8 proto)
{
	if (proto == IPPROTO_TCP)
		return timeouts.tcp_established;
	return proto == IPPROTO_UDP ? timeouts.udp : timeouts.icmp;
}

static __always_inline bool is_closing(const struct flow *flow)
{
	__u8 original = flow->tcp[FLOW_ORIGINAL], reply = flow->tcp[FLOW_REPLY];

	return ((original | reply) & TCP_SEEN_RST) || (original & reply & TCP_SEEN_FIN);
}

/*
 * FIN and RST shorten the timer and never delete: a forged RST must not cut a connection
 * (RFC 5961), and the last acknowledgements are still to come. A packet after an RST shows that the
 * ends did not believe it. Each direction owns its byte in both entries, so that two CPUs do not
 * undo each other.
 */
static __noinline void flow_track_end(struct flow *flow, const struct packet *packet)
{
	__u8 direction = flow->direction & 1;
	struct flow *partner = flow_partner(&MAP_FLOWS, flow);
	__u8 seen = flow->tcp[direction];

	if (packet->tcp & TCP_FIN)
		seen |= TCP_SEEN_FIN;
	if (packet->tcp & TCP_RST) {
		seen |= TCP_SEEN_RST;
	} else {
		seen &= ~TCP_SEEN_RST;
		flow->tcp[!direction] &= ~TCP_SEEN_RST;
		if (partner)
			partner->tcp[!direction] &= ~TCP_SEEN_RST;
	}
	flow->tcp[direction] = seen;
	flow->timeout = is_closing(flow) ? timeouts.tcp_closing : timeouts.tcp_established;
	if (partner) {
		partner->tcp[direction] = seen;
		partner->timeout = flow->timeout;
	}
}

static __always_inline bool has_ended(const struct flow *flow)
{
	return (flow->tcp[FLOW_ORIGINAL] | flow->tcp[FLOW_REPLY]) & (TCP_SEEN_FIN | TCP_SEEN_RST);
}

static __always_inline void flow_track(struct flow *flow, const struct packet *packet)
{
	if (packet->tuple.proto != IPPROTO_TCP)
		return;
	if ((packet->tcp & (TCP_FIN | TCP_RST)) || has_ended(flow))
		flow_track_end(flow, packet);
}

/* Copies both entries into the flow table. The packet that completes the handshake may be the first
 * FIN. On failure the flow stays half-open and is tried again by its next packet. */
static __always_inline int flow_promote(const struct tuple *key, struct flow *flow,
					const struct packet *packet)
{
	struct tuple reverse = tuple_reversed(&flow->out);
	struct flow *partner = bpf_map_lookup_elem(&MAP_HALF_OPEN, &reverse);

	if (!partner)
		return -DROP_NO_FLOW;
	flow->timeout = open_timeout(key->proto);
	partner->timeout = flow->timeout;
	if (packet->tcp & TCP_FIN) {
		flow->tcp[flow->direction & 1] |= TCP_SEEN_FIN;
		partner->tcp[flow->direction & 1] |= TCP_SEEN_FIN;
	}
	if (bpf_map_update_elem(&MAP_FLOWS, &reverse, partner, BPF_ANY))
		return -DROP_TABLE_FULL;
	if (bpf_map_update_elem(&MAP_FLOWS, key, flow, BPF_ANY)) {
		bpf_map_delete_elem(&MAP_FLOWS, &reverse);
		return -DROP_TABLE_FULL;
	}
	flow_delete(&MAP_HALF_OPEN, key, flow);
	count_total(TOTAL_ESTABLISHED);
	return 0;
}

/* The answering SYN fixes the number that the opener must acknowledge: only who received it can. */
static __always_inline void flow_note_answer(struct flow *flow, const struct packet *packet)
{
	struct flow *partner = flow_partner(&MAP_HALF_OPEN, flow);

	flow->isn = packet->seq;
	flow->tcp[FLOW_REPLY] |= TCP_SEEN_SYN;
	if (!partner)
		return;
	partner->isn = packet->seq;
	partner->tcp[FLOW_REPLY] |= TCP_SEEN_SYN;
}

/*
 * One packet of a TCP handshake. Returns 1 when it completes the handshake, 0 when it belongs
 * to it, -DROP_HANDSHAKE when it does not.
 */
static __always_inline int handshake_step(struct flow *flow, const struct packet *packet)
{
	__u8 flags = packet->tcp & (TCP_SYN | TCP_ACK | TCP_RST);

	if (flags & TCP_RST)
		return 0;
	if (flow->direction == FLOW_REPLY) {
		if (flags == (TCP_SYN | TCP_ACK))
			flow_note_answer(flow, packet);
		return 0;
	}
	if (flags == TCP_SYN)
		return 0;
	if (flags == TCP_ACK && (flow->tcp[FLOW_REPLY] & TCP_SEEN_SYN) &&
	    packet->ack - (flow->isn + 1) < HANDSHAKE_ACK_WINDOW)
		return 1;
	return -DROP_HANDSHAKE;
}

/*
 * One packet of a half-open flow: the flow is established by TCP's third packet, of other
 * protocols by the first answer. Returns 1 when it moved to the flow table, 0 when it is still
 * half-open (also where the table refused it), -DROP_HANDSHAKE for a packet that does not fit.
 */
static __always_inline int flow_advance(const struct tuple *key, struct flow *flow,
					const struct packet *packet)
{
	int done;

	if (key->proto == IPPROTO_TCP)
		done = handshake_step(flow, packet);
	else
		done = flow->direction == FLOW_REPLY;
	if (done <= 0)
		return done;
	return !flow_promote(key, flow, packet);
}

/* Whether the tuples of a flow that is still there are free for another. */
static __always_inline bool is_done(const struct flow *flow)
{
	return is_closing(flow) || !lease_live(&flow->lease);
}

/* Makes way in TABLE for a new flow of ORIGINAL, whose replies have KEY: its own earlier try, what
 * ran out and what is done go. Returns -DROP_TUPLE_TAKEN where a live flow stays. */
static __always_inline int make_way(void *table, const struct tuple *key,
				    const struct tuple *original, __u64 now)
{
	struct flow *flow = flow_find(table, key, now);
	struct tuple owner;

	if (!flow)
		return 0;
	owner = tuple_reversed(&flow->out);
	if (!tuple_equal(&owner, original) && !is_done(flow))
		return -DROP_TUPLE_TAKEN;
	flow_delete(table, key, flow);
	return 0;
}

static __always_inline void forget_in(void *table, const struct tuple *key)
{
	struct flow *former = bpf_map_lookup_elem(table, key);

	if (former)
		flow_delete(table, key, former);
}

/* What KEY was before: it opens anew, and may be translated otherwise now. */
static __always_inline void forget_former(const struct tuple *key)
{
	forget_in(&MAP_FLOWS, key);
	forget_in(&MAP_HALF_OPEN, key);
}

/*
 * Enters the drafted flow of the opening packet KEY into TABLE. The reply's entry comes first and
 * must be new: it decides between two CPUs that want the same translated tuple, and an
 * answer is never without one.
 */
static __noinline int flow_enter(void *table, const struct tuple *key, struct draft *draft,
				 __u64 now)
{
	struct tuple reverse = tuple_reversed(&draft->original.out);
	long err;

	forget_former(key);
	if (make_way(&MAP_FLOWS, &reverse, key, now) ||
	    make_way(&MAP_HALF_OPEN, &reverse, key, now))
		return -DROP_TUPLE_TAKEN;
	draft->reply.out = tuple_reversed(key);
	err = bpf_map_update_elem(table, &reverse, &draft->reply, BPF_NOEXIST);
	if (err)
		return err == -EEXIST ? -DROP_TUPLE_TAKEN : -DROP_TABLE_FULL;
	if (bpf_map_update_elem(table, key, &draft->original, BPF_ANY)) {
		bpf_map_delete_elem(table, &reverse);
		return -DROP_TABLE_FULL;
	}
	return 0;
}

/* A flow that is not entered yet, with what both directions share. The draft belongs to this CPU
 * until the program ends: the hooks run with softirqs off. */
static __always_inline struct draft *draft_new(enum flow_kind kind, const struct lease *lease,
					       __u8 proto, __u64 now)
{
	__u32 zero = 0;
	struct draft *draft = bpf_map_lookup_elem(&MAP_DRAFTS, &zero);

	if (!draft)
		return NULL;
	__builtin_memset(draft, 0, sizeof(*draft));
	draft->original.kind = kind;
	draft->original.lease = *lease;
	draft->original.timeout = half_open_timeout(proto);
	draft->original.opened = bpf_ktime_get_boot_ns();
	draft->original.seen = now;
	draft->original.tcp[FLOW_ORIGINAL] = TCP_SEEN_SYN;
	draft->reply = draft->original;
	draft->reply.direction = FLOW_REPLY;
	return draft;
}

#endif
