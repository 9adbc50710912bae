/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting. Nothing here can change a verdict. */
#ifndef REPORT_H
#define REPORT_H

#include "maps.h"

/* Per-CPU, and an interrupt cannot count in the middle: no atomics. */
static __always_inline void count_drop(__u32 reason, __u32 bytes)
{
	struct drop_count *count = bpf_map_lookup_elem(&MAP_DROPS, &reason);

	if (!count)
		return;
	count->packets++;
	count->bytes += bytes;
}

static __always_inline void count_total(__u32 total)
{
	__u64 *count = bpf_map_lookup_elem(&MAP_TOTALS, &total);

	if (count)
		*count += 1;
}

static __always_inline struct port_count *port_count(__u32 grant)
{
	struct port_count *count = bpf_map_lookup_elem(&MAP_PORT_COUNTS, &grant);
	struct port_count none = {};

	if (count)
		return count;
	/* Fails where memory is short or another CPU was faster: then this one is not counted. */
	if (bpf_map_update_elem(&MAP_PORT_COUNTS, &grant, &none, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&MAP_PORT_COUNTS, &grant);
}

static __always_inline void count_port_opened(__u32 grant)
{
	struct port_count *count = port_count(grant);

	if (count)
		count->opened++;
}

static __always_inline void count_port_refused(__u32 grant)
{
	struct port_count *count = port_count(grant);

	if (count)
		count->refused++;
}

#endif
