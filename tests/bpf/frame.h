/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames from their description. What a program should have made of a packet is described
 * and built in the same way, every checksum summed up from nothing: the two share no arithmetic.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define FRAME_MAX 3500
#define ETHERNET_LENGTH 14

#define IPV4_LENGTH 20
#define IPV6_LENGTH 40
#define TCP_LENGTH 20

/* As IANA numbers them. */
#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_VLAN 0x8100
#define TYPE_IPV6 0x86dd
#define TYPE_QINQ 0x88a8
#define TYPE_EAPOL 0x888e
#define TYPE_LLDP 0x88cc

#define PROTO_ICMP 1
#define PROTO_IGMP 2
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_GRE 47
#define PROTO_ICMPV6 58
#define PROTO_SCTP 132

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20

#define ECHO_REPLY 0
#define UNREACHABLE 3
#define REDIRECT 5
#define ECHO 8
#define ECHO6 128
#define ECHO6_REPLY 129

/* Who has a link address: 02:00:00:00:00:NN, two groups and the broadcast. */
enum station {
	UNSAID, /* the runner fills in who talks on the link */
	TAP0,
	EXPERT,
	ETH0,
	LAN_PEER,
	WLAN0,
	WLAN_PEER,
	VE_CONTAINER,
	BOX,
	VE_SECOND,
	SECOND_BOX,
	STRANGER,
	NOBODY, /* all zero */
	IPV4_GROUP,
	IPV6_GROUP,
	EVERYBODY,
};

struct spec {
	enum station to, from;
	__u16 type; /* Ethernet; 0: as the addresses say */
	__u16 tag; /* Ethernet type of a VLAN tag before it; 0: none */
	const char *src, *dst;
	__u8 ttl; /* or hop limit; 0: 64 */
	__u8 options; /* 32-bit words of IPv4 options */
	__u16 fragment; /* flags and offset, as the IPv4 header has them */
	const __u8 *extensions; /* IPv6 extension headers, eight bytes each */
	__u32 extension_count;
	__u8 proto;
	__u16 sport, dport; /* an echo: its identifier in the one that is not 0 */
	__u8 flags; /* TCP */
	__u32 seq, ack;
	__u8 icmp, code;
	bool unsummed; /* UDP without a checksum */
	__u32 payload; /* bytes */
	__u16 fill; /* the first two of them */
	const struct spec *quoted; /* an ICMP error's subject */
};

struct frame {
	__u32 length;
	__u8 bytes[FRAME_MAX];
};

struct frame build(const struct spec *spec);
bool is_v6(const struct spec *spec);
__u16 get16(const struct frame *frame, __u32 at);
void put16(struct frame *frame, __u32 at, __u16 value);
void station_address(enum station station, __u8 ret[6]);

/* Where the transport header of a packet without options and extension headers starts. */
__u32 transport_at(const struct spec *spec);

struct spec tcp(const char *src, __u16 sport, const char *dst, __u16 dport, __u8 flags);
struct spec udp(const char *src, __u16 sport, const char *dst, __u16 dport);
/* ID goes to the side that ICMP, a type, has it on. */
struct spec icmp(const char *src, const char *dst, __u8 type, __u16 id);
struct spec raw_ip(const char *src, const char *dst, __u8 proto);

#endif
