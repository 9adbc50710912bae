/* SPDX-License-Identifier: GPL-2.0-only */
/* What is counted, per CPU. A missing counter loses a count, never a packet. */
#ifndef SCOUTBPF_COUNTERS_H
#define SCOUTBPF_COUNTERS_H

#include <scoutbpf/base.h>

/* Values of the drops map, indexed by enum drop_reason. */
struct drop_count {
	__u64 packets;
	__u64 bytes; /* as on the wire, link header included */
};

/* Values of the port_counts map, keyed by the index of the port's grant. */
struct port_count {
	__u64 opened; /* flows */
	__u64 refused; /* new connections to a granted port that were not let in */
};

/* Indices of the totals map (one __u64 each). */
enum total {
	TOTAL_OPENED, /* flows entered into the half-open table */
	TOTAL_ESTABLISHED, /* flows that moved on to the flow table */
	TOTAL_ADOPTED, /* connections of host sockets that were older than the gateway */
	TOTAL_COUNT,
};

#endif
