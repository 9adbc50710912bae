/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows to test with: from a client by way of the host to a container, nothing else alike. */
#ifndef NATIVE_FLOWS_H
#define NATIVE_FLOWS_H

#include "flow.h"
#include "world.h"

/* As the opener's packets come in. */
static inline struct tuple client_tuple(__u8 proto, __u16 port)
{
	return (struct tuple){
		.src = addr4(198, 51, 100, 9),
		.dst = addr4(10, 1, 0, 2),
		.sport = bpf_htons(port),
		.dport = bpf_htons(2000),
		.proto = proto,
		.zone = ZONE_VPN,
	};
}

/* As they go out: to another address and port, in another zone. */
static inline struct tuple translated(struct tuple in)
{
	in.dst = addr4(10, 0, 3, 2);
	in.dport = bpf_htons(80);
	in.zone = ZONE_CONTAINER;
	return in;
}

#define FLOW_GRANT (GRANT_TCP + 2000)
#define FLOW_GEN 5

/* Under a grant that stands. */
static inline int flow_open_as(void *table, struct tuple in, struct tuple out)
{
	struct lease lease = {.grant = FLOW_GRANT, .gen = FLOW_GEN};
	struct draft *draft = draft_new(FLOW_FORWARDED, &lease, in.proto, kernel.jiffies);

	grant_set(FLOW_GRANT, (struct grant){.gen = FLOW_GEN, .on = ZONE_BIT(ZONE_VPN)});
	draft->original.out = out;
	return flow_enter(table, &in, draft, kernel.jiffies);
}

static inline int flow_open(void *table, __u8 proto)
{
	struct tuple in = client_tuple(proto, 40000);

	return flow_open_as(table, in, translated(in));
}

/* The key that packets of DIRECTION have. */
static inline struct tuple key_of(__u8 proto, enum flow_direction direction)
{
	struct tuple in = client_tuple(proto, 40000), out = translated(in);

	return direction == FLOW_ORIGINAL ? in : tuple_reversed(&out);
}

/* The entry as it stands, whether or not it is still good. */
static inline struct flow *entry_of(void *table, __u8 proto, enum flow_direction direction)
{
	struct tuple key = key_of(proto, direction);

	return bpf_map_lookup_elem(table, &key);
}

#endif
