/* SPDX-License-Identifier: GPL-2.0-only */
/* A conversation through the gateway: two ends, and what each packet looks like on either side. */
#ifndef TALK_H
#define TALK_H

#include "runner.h"

/* What an end sends, as it comes in at a place. */
struct end {
	enum place place;
	const char *src, *dst;
	__u16 sport, dport;
};

/* A packet of one end leaves as the other end's turned round. */
struct talk {
	__u8 proto;
	struct end ends[2]; /* by enum flow_direction */
	enum station opener; /* link address; UNSAID: the link's own */
	bool host; /* one end is the host: packets pass as they are */
	bool neighbour[2]; /* by direction: the kernel writes the link header, after the program */
};

/* The SYN's sequence number, and the answering SYN's. */
#define OPENER_ISN 1000U
#define ANSWER_ISN 70000U

struct talk talk_forward(__u16 sport, __u16 port, __u16 to_port); /* expert to container */
struct talk talk_lan_forward(__u16 sport, __u16 port, __u16 to_port); /* LAN to container */
struct talk talk_outbound(__u16 sport); /* container to SERVER, over eth0 */
struct talk talk_host(__u8 proto, __u16 sport, __u16 dport); /* host to SERVER, over eth0 */
struct talk talk_to_host(enum place in, __u16 sport); /* host control */

/* FILLING has the rest: flags, numbers, payload, TTL. */
struct spec said(const struct talk *talk, enum flow_direction direction, struct spec filling);
struct spec heard(const struct talk *talk, enum flow_direction direction, struct spec filling);

void carries_at(const struct talk *talk, enum flow_direction direction, struct spec filling,
		const char *file, int line);
void opens_at(const struct talk *talk, struct spec filling, const char *file, int line);
void cuts_at(const struct talk *talk, enum flow_direction direction, struct spec filling,
	     enum drop_reason reason, const char *file, int line);

/* The first packet: the kernel's neighbour table knows where the container is, the flow not yet. */
#define opens(talk, ...) opens_at(talk, (struct spec){__VA_ARGS__}, __FILE__, __LINE__)
/* A packet gets across, translated as it should. */
#define carries(talk, direction, ...) \
	carries_at(talk, direction, (struct spec){__VA_ARGS__}, __FILE__, __LINE__)
#define cuts(talk, direction, reason, ...) \
	cuts_at(talk, direction, (struct spec){__VA_ARGS__}, reason, __FILE__, __LINE__)

#define SYN_PACKET .flags = SYN, .seq = OPENER_ISN
#define SYN_ACK_PACKET .flags = SYN | ACK, .seq = ANSWER_ISN, .ack = OPENER_ISN + 1
#define ACK_PACKET .flags = ACK, .seq = OPENER_ISN + 1, .ack = ANSWER_ISN + 1
#define ANSWER_PACKET .flags = ACK, .seq = ANSWER_ISN + 1, .ack = OPENER_ISN + 1
#define FIN_PACKET .flags = FIN | ACK, .seq = OPENER_ISN + 1, .ack = ANSWER_ISN + 1
#define ANSWER_FIN_PACKET .flags = FIN | ACK, .seq = ANSWER_ISN + 1, .ack = OPENER_ISN + 1

void establish_at(const struct talk *talk, const char *file, int line);
#define establish(talk) establish_at(talk, __FILE__, __LINE__)

/* The entry of one direction; fails the test where there is none. */
struct flow flow_at(const struct talk *talk, enum table table, enum flow_direction direction,
		    const char *file, int line);
#define flow_of(talk, table, direction) flow_at(talk, table, direction, __FILE__, __LINE__)
bool has_flow(const struct talk *talk, enum table table, enum flow_direction direction);
/* Changes both entries. */
void flows_edit(const struct talk *talk, enum table table, void (*edit)(struct flow *));

#endif
