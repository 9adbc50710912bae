// SPDX-License-Identifier: GPL-2.0-only
#include "talk.h"

struct talk talk_forward(__u16 sport, __u16 port, __u16 to_port)
{
	return (struct talk){
		.proto = PROTO_TCP,
		.ends = {{VPN_IN, EXPERT_IP, VPN_IP, sport, port},
			 {BOX_IN, BOX_IP, EXPERT_IP, to_port, sport}},
	};
}

struct talk talk_lan_forward(__u16 sport, __u16 port, __u16 to_port)
{
	return (struct talk){
		.proto = PROTO_TCP,
		.ends = {{LAN_IN, LAN_CLIENT, LAN_IP, sport, port},
			 {BOX_IN, BOX_IP, LAN_CLIENT, to_port, sport}},
	};
}

struct talk talk_outbound(__u16 sport)
{
	return (struct talk){
		.proto = PROTO_TCP,
		.ends = {{BOX_IN, BOX_IP, SERVER, sport, 443},
			 {LAN_IN, SERVER, LAN_IP, 443, sport}},
		.neighbour = {true, false},
	};
}

struct talk talk_host(__u8 proto, __u16 sport, __u16 dport)
{
	return (struct talk){
		.proto = proto,
		.ends = {{LAN_OUT, LAN_IP, SERVER, sport, dport},
			 {LAN_IN, SERVER, LAN_IP, dport, sport}},
		.host = true,
	};
}

struct talk talk_to_host(enum place in, __u16 sport)
{
	bool vpn = in == VPN_IN;
	const char *client = vpn ? EXPERT_IP : LAN_CLIENT, *host = vpn ? VPN_IP : LAN_IP;

	return (struct talk){
		.proto = PROTO_TCP,
		.ends = {{in, client, host, sport, 23}, {out_of(in), host, client, 23, sport}},
		.host = true,
	};
}

struct spec said(const struct talk *talk, enum flow_direction direction, struct spec filling)
{
	const struct end *end = &talk->ends[direction];

	filling.proto = talk->proto;
	filling.src = end->src;
	filling.dst = end->dst;
	filling.sport = end->sport;
	filling.dport = end->dport;
	if (direction == FLOW_ORIGINAL)
		filling.from = talk->opener;
	if (talk->proto == PROTO_ICMP)
		filling.icmp = direction == FLOW_ORIGINAL ? ECHO : ECHO_REPLY;
	return on_link(end->place, filling);
}

struct spec heard(const struct talk *talk, enum flow_direction direction, struct spec filling)
{
	struct spec spec = said(talk, direction, filling);
	const struct end *end = &talk->ends[!direction];

	if (talk->host)
		return spec;
	spec.src = end->dst;
	spec.dst = end->src;
	spec.sport = end->dport;
	spec.dport = end->sport;
	spec.ttl = (spec.ttl ?: 64) - 1;
	if (talk->neighbour[direction])
		return spec;
	spec.to = direction == FLOW_REPLY ? talk->opener : UNSAID;
	spec.from = UNSAID;
	return on_link(out_of(end->place), spec);
}

void carries_at(const struct talk *talk, enum flow_direction direction, struct spec filling,
		const char *file, int line)
{
	enum place place = talk->ends[direction].place;

	if (talk->host)
		passes_at(place, said(talk, direction, filling), file, line);
	else
		becomes_at(place, said(talk, direction, filling), heard(talk, direction, filling),
			   file, line);
}

void opens_at(const struct talk *talk, struct spec filling, const char *file, int line)
{
	struct talk first = *talk;

	first.neighbour[FLOW_ORIGINAL] = true;
	carries_at(&first, FLOW_ORIGINAL, filling, file, line);
}

void cuts_at(const struct talk *talk, enum flow_direction direction, struct spec filling,
	     enum drop_reason reason, const char *file, int line)
{
	drops_at(talk->ends[direction].place, said(talk, direction, filling), reason, file, line);
}

void establish_at(const struct talk *talk, const char *file, int line)
{
	static const struct spec tcp_steps[] = {{SYN_PACKET}, {SYN_ACK_PACKET}, {ACK_PACKET}};
	static const struct spec other[] = {{.payload = 24}, {.payload = 24}};
	bool is_tcp = talk->proto == PROTO_TCP;
	const struct spec *steps = is_tcp ? tcp_steps : other;
	int count = is_tcp ? 3 : 2;
	int i;

	opens_at(talk, steps[0], file, line);
	for (i = 1; i < count; i++)
		carries_at(talk, i % 2 ? FLOW_REPLY : FLOW_ORIGINAL, steps[i], file, line);
	(void)flow_at(talk, FLOWS, FLOW_ORIGINAL, file, line);
	(void)flow_at(talk, FLOWS, FLOW_REPLY, file, line);
}

static struct tuple key_of(const struct talk *talk, enum flow_direction direction)
{
	struct spec spec = said(talk, direction, (struct spec){});

	return tuple_of(talk->ends[direction].place, &spec);
}

bool has_flow(const struct talk *talk, enum table table, enum flow_direction direction)
{
	struct tuple key = key_of(talk, direction);
	struct flow flow;

	return flow_read(table, &key, &flow);
}

struct flow flow_at(const struct talk *talk, enum table table, enum flow_direction direction,
		    const char *file, int line)
{
	struct tuple key = key_of(talk, direction);
	struct flow flow = {};

	if (!flow_read(table, &key, &flow)) {
		print_error("no %s entry in the table of %s flows\n",
			    direction == FLOW_ORIGINAL ? "original" : "reply",
			    table == FLOWS ? "established" : "half-open");
		_fail(file, line);
	}
	return flow;
}

void flows_edit(const struct talk *talk, enum table table, void (*edit)(struct flow *))
{
	int direction;

	for (direction = FLOW_ORIGINAL; direction <= FLOW_REPLY; direction++) {
		struct tuple key = key_of(talk, direction);
		struct flow flow = flow_of(talk, table, direction);

		edit(&flow);
		flow_write(table, &key, &flow);
	}
}
