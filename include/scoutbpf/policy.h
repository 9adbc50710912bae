/* SPDX-License-Identifier: GPL-2.0-only */
/* What is allowed, and to whom: grants, containers, interfaces, settings. */
#ifndef SCOUTBPF_POLICY_H
#define SCOUTBPF_POLICY_H

#include <scoutbpf/flow.h>

/*
 * A grant is one door: a forwarded port, LAN access, host control, a container's way out.
 * User space maps the array into memory and changes a door with one 64-bit store, so that
 * the data path sees the old grant or the new one and never a mixture.
 */
struct grant {
	union {
		struct {
			__u32 gen; /* counts revocations; 0 only before the first grant */
			__u16 to_port; /* host order */
			__u8 container;
			__u8 on; /* ports: zones, as ZONE_BIT(); else 0 or 1 */
		};
		__u64 word;
	};
	__u64 expires; /* CLOCK_BOOTTIME, ns; 0: never */
};
ASSERT_SIZE(struct grant, 16);

#define MAX_CONTAINERS 64
#define MAX_INTERFACES 256

/* The grants map: tcp ports, udp ports, then the doors that are no ports. */
#define GRANT_TCP 0U
#define GRANT_UDP 65536U
#define GRANT_HOST_CONTROL 131072U
#define GRANT_LAN 131073U
#define GRANT_EGRESS 131074U /* + container slot; .on is an enum egress */
#define GRANT_COUNT (GRANT_EGRESS + MAX_CONTAINERS)

enum egress {
	EGRESS_NONE = 0,
	EGRESS_ANY = 1,
	EGRESS_INTERNET = 2, /* no private, link-local or otherwise special network */
	EGRESS_VPN = 3, /* only what the routes send into a VPN interface */
};

/* Values of the locals map that are no ifindex. */
#define LOCAL_ANYWHERE 0U /* held on several interfaces */
#define LOCAL_NOWHERE 0xffffffffU /* a network's own or its broadcast address */

#define NAME_SIZE 32
#define IFNAME_SIZE 16 /* IFNAMSIZ */

/* A container, by its slot. Cleared first when its interface goes. */
struct container {
	union addr address;
	__u32 ifindex; /* the host's end; 0: gone, nothing is delivered */
	__u16 if_slot; /* of that interface */
	__u8 peer; /* 1: a veth whose other end is up in another namespace */
	__u8 used;
	char ifname[IFNAME_SIZE];
	char name[NAME_SIZE]; /* empty for the first, unnamed [container] */
};
ASSERT_SIZE(struct container, 72);

enum hook {
	HOOK_TCX = 1,
	HOOK_CLSACT = 2,
};

/*
 * An interface that is or was guarded, by its slot. A name keeps its slot while the gateway is
 * loaded: flows name the slot, and so find an interface that was made anew.
 */
struct interface {
	union addr address; /* what outbound flows are masqueraded with; all zero: none */
	char name[IFNAME_SIZE]; /* empty: the slot is free */
	__u32 ifindex; /* 0: not there, or not guarded any more */
	__u8 zone; /* enum zone */
	__u8 ethernet; /* 0: bare IP packets (WireGuard, tun) */
	__u8 pad[2];
};
ASSERT_SIZE(struct interface, 40);

/* The one entry of the settings map. */
struct settings {
	__u16 host_control_port; /* host order */
	__u16 masquerade_low; /* host order, inclusive */
	__u16 masquerade_high; /* host order, inclusive */
	__u8 icmp_echo; /* 1: the host answers pings from outside */
	__u8 route_source; /* 1: the kernel's route lookup names the source address (6.7) */
};
ASSERT_SIZE(struct settings, 8);

/* The one entry of the meta map: what the pinned maps were made for. */
struct meta {
	__u32 schema;
	__u32 flows; /* capacity of the flow table, connections */
	__u32 forwarding_set; /* 1: forwarding of the loopback interface was switched on by us */
};
ASSERT_SIZE(struct meta, 12);

/* Raised with every change to a key, a value or the meaning of either. */
#define SCOUTBPF_SCHEMA 1

#endif
