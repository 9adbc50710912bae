/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps and programs by name. The pin of a map or program is PINDIR/NAME. */
#ifndef SCOUTBPF_NAMES_H
#define SCOUTBPF_NAMES_H

#define MAP_FLOWS flows /* LRU hash, struct tuple -> struct flow */
#define MAP_HALF_OPEN half_open /* LRU hash, struct tuple -> struct flow */
#define MAP_GRANTS grants /* mappable array of struct grant */
#define MAP_CONTAINERS containers /* array of struct container, by slot */
#define MAP_CONTAINER_SLOTS container_slots /* hash, union addr of a container -> its slot */
#define MAP_INTERFACES interfaces /* array of struct interface, by slot */
#define MAP_IF_SLOTS if_slots /* hash, ifindex of a guarded interface -> its slot */
#define MAP_GUARDED guarded /* device array, slot -> ifindex while the interface exists */
#define MAP_LOCALS locals /* hash, union addr -> ifindex or LOCAL_* */
#define MAP_SETTINGS setup /* one struct settings */
#define MAP_META meta /* one struct meta */
#define MAP_DROPS drops /* per-CPU array of struct drop_count, by reason */
#define MAP_PORT_COUNTS port_counts /* per-CPU hash, grant index -> struct port_count */
#define MAP_TOTALS totals /* per-CPU array of __u64, by enum total */
#define MAP_DRAFTS drafts /* scratch, not pinned */
#define MAP_PACKETS packets /* scratch, not pinned */

/* Those that are pinned. Meta comes last: where it is pinned, all the others are. */
#define PINNED_MAPS(X)         \
	X(MAP_FLOWS)           \
	X(MAP_HALF_OPEN)       \
	X(MAP_GRANTS)          \
	X(MAP_CONTAINERS)      \
	X(MAP_CONTAINER_SLOTS) \
	X(MAP_INTERFACES)      \
	X(MAP_IF_SLOTS)        \
	X(MAP_GUARDED)         \
	X(MAP_LOCALS)          \
	X(MAP_SETTINGS)        \
	X(MAP_DROPS)           \
	X(MAP_PORT_COUNTS)     \
	X(MAP_TOTALS)          \
	X(MAP_META)

/* The program that reads the clocks, pinned beside those that stand at hooks. */
#define CLOCK_PROGRAM read_clock

#define NAME_OF_(name) #name
#define NAME_OF(name) NAME_OF_(name)

/*
 * The programs, one for each place it can stand: X(NAME, zone, ethernet, egress).
 * The link layer is part of the program, so that no packet pays for the question.
 */
#define PROGRAMS(X)                               \
	X(vpn_in_eth, ZONE_VPN, 1, 0)             \
	X(vpn_in_ip, ZONE_VPN, 0, 0)              \
	X(lan_in_eth, ZONE_LAN, 1, 0)             \
	X(lan_in_ip, ZONE_LAN, 0, 0)              \
	X(container_in_eth, ZONE_CONTAINER, 1, 0) \
	X(vpn_out_eth, ZONE_VPN, 1, 1)            \
	X(vpn_out_ip, ZONE_VPN, 0, 1)             \
	X(lan_out_eth, ZONE_LAN, 1, 1)            \
	X(lan_out_ip, ZONE_LAN, 0, 1)             \
	X(container_out_eth, ZONE_CONTAINER, 1, 1)

#endif
