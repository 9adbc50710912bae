/* SPDX-License-Identifier: GPL-2.0-only */
/* parse() of a frame that is described in bytes. */
#ifndef NATIVE_PARSE_FRAME_H
#define NATIVE_PARSE_FRAME_H

#include "kernel.h"
#include "packet.h"

#include "frame.h" /* its names are short: after the data path's */

/* How a frame comes in. */
struct arrival {
	__u32 link_header; /* ETH_HLEN or 0 */
	__u32 linear; /* bytes that can be read in place; more than there are: all */
	__u32 pkt_type;
	__u32 segments; /* above 1: to be segmented, the length fields may be 0 */
};

#define WHOLE_FRAME                                                                   \
	(struct arrival)                                                              \
	{                                                                             \
		.link_header = ETH_HLEN, .linear = FRAME_MAX, .pkt_type = PACKET_HOST \
	}

static inline struct __sk_buff *frame_arrives(const struct frame *frame, struct arrival arrival)
{
	__u32 skipped = ETHERNET_LENGTH - arrival.link_header;
	__u32 length = frame->length - skipped;
	struct __sk_buff *skb = skb_make(frame->bytes + skipped, length,
					 arrival.linear < length ? arrival.linear : length);

	skb->protocol = bpf_htons(get16(frame, 12));
	skb->pkt_type = arrival.pkt_type;
	skb->gso_segs = arrival.segments;
	return skb;
}

static inline int parse_frame(const struct frame *frame, struct arrival arrival,
			      struct packet *packet)
{
	*packet = (struct packet){};
	return parse(frame_arrives(frame, arrival), packet, ZONE_VPN, arrival.link_header);
}

#endif
