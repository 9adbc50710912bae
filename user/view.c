// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <json-c/json.h>

#include <scoutbpf/counters.h>
#include <scoutbpf/names.h>

#include "address.h"
#include "clock.h"
#include "pins.h"
#include "spec.h"
#include "view.h"

const char *zone_name(__u8 zone)
{
	switch (zone) {
	case ZONE_VPN:
		return "vpn";
	case ZONE_LAN:
		return "lan";
	default:
		return "container";
	}
}

/* " for 1 h 59 min", empty for a grant without an end. */
static const char *remaining(const struct grant *grant, __u64 now, char *buffer, size_t size)
{
	__u64 seconds = grant->expires > now ? (grant->expires - now + 999999999) / 1000000000 : 0;

	buffer[0] = 0;
	if (!grant->expires)
		return buffer;
	if (seconds >= 3600)
		snprintf(buffer, size, " for %llu h %llu min", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		snprintf(buffer, size, " for %llu min %llu s", seconds / 60, seconds % 60);
	else
		snprintf(buffer, size, " for %llu s", seconds);
	return buffer;
}

static __u64 opened_count(int fd, __u32 grant)
{
	int cpus = libbpf_num_possible_cpus(), i;
	struct port_count counts[cpus > 0 ? cpus : 1];
	__u64 opened = 0;

	if (cpus < 1 || bpf_map_lookup_elem(fd, &grant, counts))
		return 0;
	for (i = 0; i < cpus; i++)
		opened += counts[i].opened;
	return opened;
}

/* A run of ports that are forwarded alike, side by side. */
struct run {
	__u8 proto;
	__u32 first;
	__u32 last;
	struct grant grant; /* of the first */
};

static bool continues(const struct run *run, const struct grant *next, __u32 port)
{
	return next->on == run->grant.on && next->container == run->grant.container &&
	       next->expires == run->grant.expires &&
	       next->to_port == run->grant.to_port + (port - run->first);
}

/* Fills *RUN with the next run of PROTO from PORT on; false where there is none. */
static bool next_run(const struct gateway *gateway, __u8 proto, __u32 port, __u64 now,
		     struct run *run)
{
	const struct grant *slots = &gateway->grants.slots[grant_of_port(proto, 0)];

	while (port <= 65535 && !grant_open(&slots[port], now))
		port++;
	if (port > 65535)
		return false;
	*run = (struct run){.proto = proto, .first = port, .last = port, .grant = slots[port]};
	while (run->last < 65535 && grant_open(&slots[run->last + 1], now) &&
	       continues(run, &slots[run->last + 1], run->last + 1))
		run->last++;
	return true;
}

static const char *range_text(__u32 first, __u32 last, char *buffer, size_t size)
{
	if (first == last)
		snprintf(buffer, size, "%u", first);
	else
		snprintf(buffer, size, "%u-%u", first, last);
	return buffer;
}

/* Who can use a forward at this moment. */
static const char *users(const struct gateway *gateway, const struct grant *grant, __u64 now)
{
	bool vpn = grant->on & ZONE_BIT(ZONE_VPN);
	bool lan = grant->on & ZONE_BIT(ZONE_LAN) &&
		   grant_open(&gateway->grants.slots[GRANT_LAN], now);

	return vpn && lan ? "vpn, lan" : vpn ? "vpn" : lan ? "lan" : "nobody";
}

static void print_run(const struct gateway *gateway, const struct run *run, int counts, __u64 now)
{
	const struct container *container = &gateway->containers[run->grant.container];
	char from[16], to[16], address[ADDRESS_SIZE], target[80], until[48];
	__u64 opened = 0;
	__u32 port;

	for (port = run->first; counts >= 0 && port <= run->last; port++)
		opened += opened_count(counts, grant_of_port(run->proto, port));
	snprintf(target, sizeof(target), "%s:%s",
		 addr_text(&container->address, address, sizeof(address)),
		 range_text(run->grant.to_port, run->grant.to_port + (run->last - run->first), to,
			    sizeof(to)));
	printf("  %s/%-12s to %-26s %-9s %8llu opened%s\n", proto_name(run->proto),
	       range_text(run->first, run->last, from, sizeof(from)), target,
	       users(gateway, &run->grant, now), opened,
	       remaining(&run->grant, now, until, sizeof(until)));
}

static void print_switch(const char *name, const struct grant *grant, __u64 now, const char *note)
{
	char until[48];

	printf("  %-16s %s%s%s\n", name, grant_open(grant, now) ? "on" : "off",
	       grant_open(grant, now) ? remaining(grant, now, until, sizeof(until)) : "", note);
}

void view_policy(const struct gateway *gateway, const char *pindir)
{
	static const __u8 protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	int counts = pins_get(pindir, NAME_OF(MAP_PORT_COUNTS));
	__u64 now = boot_time();
	char note[48];
	size_t i, lines = 0;

	printf("switches\n");
	print_switch("LAN access", &gateway->grants.slots[GRANT_LAN], now, "");
	snprintf(note, sizeof(note), "   (tcp/%u of the host)",
		 gateway->settings.host_control_port);
	print_switch("host control", &gateway->grants.slots[GRANT_HOST_CONTROL], now, note);
	printf("forwards\n");
	for (i = 0; i < sizeof(protos); i++) {
		struct run run = {};
		__u32 port = 0;

		for (; next_run(gateway, protos[i], port, now, &run); port = run.last + 1, lines++)
			print_run(gateway, &run, counts, now);
	}
	if (!lines)
		printf("  none\n");
	if (counts >= 0)
		close(counts);
}

static struct json_object *zones_json(__u8 on)
{
	struct json_object *array = json_object_new_array();
	int zone;

	for (zone = ZONE_VPN; zone <= ZONE_LAN; zone++)
		if (on & ZONE_BIT(zone))
			json_object_array_add(array, json_object_new_string(zone_name(zone)));
	return array;
}

static struct json_object *forward_json(const struct gateway *gateway, __u8 proto, __u32 port,
					const struct grant *grant, __u64 now)
{
	const struct container *container = &gateway->containers[grant->container];
	struct json_object *object = json_object_new_object();
	char address[ADDRESS_SIZE];

	json_object_object_add(object, "proto", json_object_new_string(proto_name(proto)));
	json_object_object_add(object, "port", json_object_new_int(port));
	json_object_object_add(
		object, "to",
		json_object_new_string(addr_text(&container->address, address, sizeof(address))));
	json_object_object_add(object, "to_port", json_object_new_int(grant->to_port));
	json_object_object_add(object, "on", zones_json(grant->on));
	json_object_object_add(object, "expires",
			       grant->expires
				       ? json_object_new_uint64((grant->expires - now) / 1000000000)
				       : NULL);
	return object;
}

void view_policy_json(const struct gateway *gateway, struct json_object *object)
{
	static const __u8 protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct json_object *forwards = json_object_new_array();
	__u64 now = boot_time();
	size_t i;
	__u32 port;

	for (i = 0; i < sizeof(protos); i++)
		for (port = 1; port <= 65535; port++) {
			const struct grant *grant =
				&gateway->grants.slots[grant_of_port(protos[i], port)];

			if (grant_open(grant, now))
				json_object_array_add(forwards, forward_json(gateway, protos[i],
									     port, grant, now));
		}
	json_object_object_add(
		object, "lan_access",
		json_object_new_boolean(grant_open(&gateway->grants.slots[GRANT_LAN], now)));
	json_object_object_add(object, "host_control",
			       json_object_new_boolean(grant_open(
				       &gateway->grants.slots[GRANT_HOST_CONTROL], now)));
	json_object_object_add(object, "forwards", forwards);
}
