// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connections, as a table or as JSON: an array of objects with
 *   kind       "forwarded", "outbound" or "host"
 *   proto      "tcp", "udp" or "icmp"
 *   client     who opened it, as ADDRESS:PORT, IPv6 in brackets; of an echo the identifier
 *   local      the host's own end, as the outside sees it
 *   target     who was reached
 *   state      "half-open", "established", "half-closed", "closing", "reset" or "revoked"
 *   interface  the one on the outside, "-" where it is gone
 *   packets, bytes, reply_packets, reply_bytes  from the client and back, IP header included
 *   age, idle  seconds
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "address.h"
#include "commands.h"
#include "clock.h"
#include "gateway.h"
#include "table.h"

struct listing {
	struct gateway gateway;
	struct kernel_clock clock;
	__u32 hz;
	struct json_object *array; /* NULL: text */
	size_t count;
};

/* A connection in the words of the command line. */
struct line {
	const char *kind;
	const char *proto;
	const char *state;
	char client[ENDPOINT_SIZE];
	char local[ENDPOINT_SIZE];
	char target[ENDPOINT_SIZE];
	char interface[IFNAME_SIZE];
	__u64 age; /* seconds */
	__u64 idle; /* seconds */
};

static const char *kind_name(__u8 kind)
{
	switch (kind) {
	case FLOW_FORWARDED:
		return "forwarded";
	case FLOW_OUTBOUND:
		return "outbound";
	default:
		return "host";
	}
}

static const char *transport_name(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return "icmp";
	}
}

/* As the data path asks it of every packet. */
static bool is_revoked(const struct grants *grants, const struct lease *lease)
{
	const struct grant *lan = &grants->slots[GRANT_LAN];
	const struct grant *grant = &grants->slots[lease->grant];
	__u64 now = boot_time();

	if (lease->gen && (grant->gen != lease->gen || !grant_open(grant, now)))
		return true;
	return lease->lan_gen && (lan->gen != lease->lan_gen || !grant_open(lan, now));
}

static const char *state_name(const struct listing *listing, const struct connection *connection)
{
	const __u8 *seen = connection->original.tcp;

	if (is_revoked(&listing->gateway.grants, &connection->original.lease))
		return "revoked";
	if (connection->half_open)
		return "half-open";
	if (connection->key.proto != IPPROTO_TCP)
		return "established";
	if ((seen[0] | seen[1]) & TCP_SEEN_RST)
		return "reset";
	if (seen[0] & seen[1] & TCP_SEEN_FIN)
		return "closing";
	return (seen[0] | seen[1]) & TCP_SEEN_FIN ? "half-closed" : "established";
}

/* What the outside sees of the gateway: the address that was asked, or that it asks from. */
static void set_endpoints(const struct connection *connection, struct line *line)
{
	const struct tuple *in = &connection->key, *out = &connection->original.out;
	bool outbound = connection->original.kind == FLOW_OUTBOUND;
	bool from_host =
		connection->original.kind == FLOW_HOST && connection->original.in_slot == NO_SLOT;
	const union addr *local = outbound || from_host ? &out->src : &in->dst;
	__be16 local_port = outbound || from_host ? out->sport : in->dport;

	endpoint_text(&in->src, in->sport, line->client, sizeof(line->client));
	endpoint_text(local, local_port, line->local, sizeof(line->local));
	endpoint_text(&out->dst, out->dport, line->target, sizeof(line->target));
}

/* The interface on the outside, which may be gone by now. */
static const char *outside_name(const struct listing *listing, const struct connection *connection)
{
	const struct flow *original = &connection->original;
	__u16 slot = original->in_slot != NO_SLOT ? original->in_slot : connection->reply.in_slot;

	if (original->kind == FLOW_OUTBOUND)
		slot = original->out_slot;
	if (slot >= MAX_INTERFACES || !listing->gateway.interfaces[slot].name[0])
		return "-";
	return listing->gateway.interfaces[slot].name;
}

static struct line describe(const struct listing *listing, const struct connection *connection)
{
	__u64 seen = connection->original.seen;
	struct line line = {
		.kind = kind_name(connection->original.kind),
		.proto = transport_name(connection->key.proto),
		.state = state_name(listing, connection),
	};

	if (connection->reply.seen > seen)
		seen = connection->reply.seen;
	set_endpoints(connection, &line);
	snprintf(line.interface, sizeof(line.interface), "%s", outside_name(listing, connection));
	if (listing->clock.boot_ns > connection->original.opened)
		line.age = (listing->clock.boot_ns - connection->original.opened) / 1000000000ULL;
	if (listing->clock.jiffies > seen)
		line.idle = (listing->clock.jiffies - seen) / listing->hz;
	return line;
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static void add_number(struct json_object *object, const char *key, __u64 value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void list_json(const struct listing *listing, const struct connection *connection,
		      const struct line *line)
{
	struct json_object *object = json_object_new_object();

	add_string(object, "kind", line->kind);
	add_string(object, "proto", line->proto);
	add_string(object, "client", line->client);
	add_string(object, "local", line->local);
	add_string(object, "target", line->target);
	add_string(object, "state", line->state);
	add_string(object, "interface", line->interface);
	add_number(object, "packets", connection->original.packets);
	add_number(object, "bytes", connection->original.bytes);
	add_number(object, "reply_packets", connection->reply.packets);
	add_number(object, "reply_bytes", connection->reply.bytes);
	add_number(object, "age", line->age);
	add_number(object, "idle", line->idle);
	json_object_array_add(listing->array, object);
}

static int list_one(const struct connection *connection, void *data)
{
	struct listing *listing = data;
	struct line line = describe(listing, connection);

	if (listing->array) {
		list_json(listing, connection, &line);
		return 0;
	}
	if (!listing->count++)
		printf("%-9s %-5s %-22s %-22s %-22s %-12s %-11s %12s %12s %7s %6s\n", "KIND",
		       "PROTO", "CLIENT", "LOCAL", "TARGET", "INTERFACE", "STATE", "BYTES",
		       "REPLY BYTES", "AGE", "IDLE");
	printf("%-9s %-5s %-22s %-22s %-22s %-12s %-11s %12llu %12llu %6llus %5llus\n", line.kind,
	       line.proto, line.client, line.local, line.target, line.interface, line.state,
	       connection->original.bytes, connection->reply.bytes, line.age, line.idle);
	return 0;
}

int command_flows(const struct options *options, int argc, char **argv)
{
	struct listing listing = {.hz = jiffies_per_second()};
	int err;

	if (argc > 1)
		return usage_error(argv[0], "takes no arguments");
	if (clock_read(options->pindir, &listing.clock) ||
	    gateway_open(options->pindir, false, &listing.gateway))
		return EXIT_FAILED;
	if (options->json)
		listing.array = json_object_new_array();
	err = table_walk(options->pindir, list_one, &listing);
	if (!err && options->json)
		puts(json_object_to_json_string_ext(
			listing.array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!err && !listing.count)
		puts("no connections");
	json_object_put(listing.array);
	gateway_close(&listing.gateway);
	return err ? EXIT_FAILED : EXIT_DONE;
}
