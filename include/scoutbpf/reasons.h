/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a packet was dropped: one numbered list for the counters, the events and the command
 * line. A number is never reused; a reason that retires keeps its line.
 */
#ifndef SCOUTBPF_REASONS_H
#define SCOUTBPF_REASONS_H

/* X(NUMBER, NAME, text) */
#define DROP_REASONS(X)                                                                    \
	X(1, MALFORMED, "a header is cut short or contradicts itself")                     \
	X(2, IP_OPTIONS, "IPv4 options")                                                   \
	X(3, FRAGMENT, "a fragment of no known packet")                                    \
	X(4, VLAN, "a VLAN tag on an interface without VLANs")                             \
	X(5, OTHER_HOST, "the frame is addressed to another machine")                      \
	X(6, NOT_LOCAL, "the address is not held by the host on this interface")           \
	X(7, PORT_CLOSED, "the port is not forwarded")                                     \
	X(8, LAN_OFF, "LAN access is off")                                                 \
	X(9, HOST_CONTROL_OFF, "host control is off")                                      \
	X(10, NO_FLOW, "not the first packet of a connection, and no connection is known") \
	X(11, REVOKED, "the grant that opened the connection was revoked or ran out")      \
	X(12, HANDSHAKE, "an acknowledgement that does not fit the handshake")             \
	X(13, SPOOFED, "the source is not the container's own")                            \
	X(14, TO_HOST, "the container may not reach the host")                             \
	X(15, EGRESS, "the egress policy forbids the destination")                         \
	X(16, NO_ROUTE, "no route to the destination")                                     \
	X(17, NO_ADDRESS, "the outgoing interface has no address to masquerade with")      \
	X(18, NO_PORT, "every masquerade port towards the destination is taken")           \
	X(19, TUPLE_TAKEN, "another live connection uses the translated tuple")            \
	X(20, TABLE_FULL, "the flow table refused an entry")                               \
	X(21, TTL, "the time to live ran out")                                             \
	X(22, REWRITE, "the packet could not be rewritten")                                \
	X(23, NO_CONTAINER, "the container's interface is gone")                           \
	X(24, ICMP_ERROR, "an ICMP error about no flow of the host")                       \
	X(25, ICMP_TYPE, "an ICMP message that is not let in")                             \
	X(26, PROTOCOL, "a transport protocol that is not let in")                         \
	X(27, IPV6, "IPv6 that is not let in")                                             \
	X(28, GROUP, "broadcast or multicast that is not let in")                          \
	X(29, NO_INTERFACE, "the interface that the connection came by is gone")

enum drop_reason {
#define X(number, name, text) DROP_##name = (number),
	DROP_REASONS(X)
#undef X
};

/* Room for reasons yet to come: the size of the counter array. */
#define DROP_REASON_MAX 64

#endif
