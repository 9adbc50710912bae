// SPDX-License-Identifier: GPL-2.0-only
/*
 * One screen: what is wrong, what is guarded, what is exposed to whom, what was refused. As JSON:
 *   lan_access, host_control  true or false
 *   interfaces  name, role ("vpn", "lan", "container"), state ("up", "down", "unguarded",
 *               "missing"), hook ("tcx", "clsact" or null), address (string or null)
 *   forwards    proto, port, to, to_port, on (array of "vpn", "lan"), expires (seconds or null)
 *   flows       established, half_open, capacity
 *   drops       packets by reason, every reason of include/scoutbpf/reasons.h in small letters
 *   problems    sentences
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <json-c/json.h>

#include <scoutbpf/counters.h>
#include <scoutbpf/names.h>
#include <scoutbpf/reasons.h>

#include "address.h"
#include "commands.h"
#include "config.h"
#include "error.h"
#include "gateway.h"
#include "hook.h"
#include "links.h"
#include "pins.h"
#include "table.h"
#include "view.h"

#define MAX_PROBLEMS 16

/* An interface as it is now, and what the gateway wants of it. */
struct guarded {
	char name[IFNAME_SIZE];
	char address[ADDRESS_SIZE];
	__u8 zone;
	const char *state;
	enum hook hook; /* 0: nothing of ours on both sides */
};

struct report {
	struct guarded *interfaces;
	size_t interface_count;
	char problems[MAX_PROBLEMS][160];
	size_t problem_count;
	size_t established;
	size_t half_open;
	struct meta meta;
	struct drop_count drops[DROP_REASON_MAX];
};

static void problem(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void problem(struct report *report, const char *format, ...)
{
	va_list args;

	if (report->problem_count == MAX_PROBLEMS)
		return;
	va_start(args, format);
	vsnprintf(report->problems[report->problem_count++], sizeof(report->problems[0]), format,
		  args);
	va_end(args);
}

/* Both sides must be ours: half a guard is none. */
static enum hook guard_of(const char *pindir, __u32 ifindex)
{
	struct hook_place in = {.ifindex = ifindex};
	struct hook_place out = {.ifindex = ifindex, .egress = true};
	enum hook hook = hook_find(pindir, &in, NULL);

	return hook_find(pindir, &out, NULL) ? hook : 0;
}

static struct guarded *append(struct report *report)
{
	struct guarded *grown =
		realloc(report->interfaces, (report->interface_count + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	report->interfaces = grown;
	grown += report->interface_count++;
	memset(grown, 0, sizeof(*grown));
	return grown;
}

static int see_interface(struct report *report, const char *pindir, const struct links *links,
			 const struct interface *interface)
{
	const struct link *link = links_by_index(links, interface->ifindex);
	struct guarded *guarded;
	union addr address;

	if (!interface->ifindex || !link || strcmp(link->name, interface->name) != 0)
		return 0; /* gone; named again below, if the file waits for it */
	guarded = append(report);
	if (!guarded)
		return -ENOMEM;
	memcpy(guarded->name, link->name, sizeof(guarded->name));
	guarded->zone = interface->zone;
	guarded->hook = guard_of(pindir, link->ifindex);
	guarded->state = !guarded->hook ? "unguarded" : link->up && link->carrier ? "up" : "down";
	address = links_source(links, link->ifindex, AF_INET);
	if (!addr_is_zero(&address))
		addr_text(&address, guarded->address, sizeof(guarded->address));
	if (!guarded->hook)
		problem(report, "%s: the filter was removed (scoutbpf load)", link->name);
	return 0;
}

static int see_interfaces(struct report *report, const char *pindir, const struct links *links,
			  const struct gateway *gateway)
{
	int slot, err = 0;

	for (slot = 0; !err && slot < MAX_INTERFACES; slot++)
		err = see_interface(report, pindir, links, &gateway->interfaces[slot]);
	return err;
}

static bool is_seen(const struct report *report, const char *name)
{
	size_t i;

	for (i = 0; i < report->interface_count; i++)
		if (!strcmp(report->interfaces[i].name, name))
			return true;
	return false;
}

static int see_waited(struct report *report, const char *name, __u8 zone, const char *state)
{
	struct guarded *guarded;

	if (is_seen(report, name))
		return 0;
	guarded = append(report);
	if (!guarded)
		return -ENOMEM;
	snprintf(guarded->name, sizeof(guarded->name), "%s", name);
	guarded->zone = zone;
	guarded->state = state;
	return 0;
}

static int see_missing_words(struct report *report, const struct words *words, __u8 zone)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < words->count; i++)
		if (!strpbrk(words->items[i], "*?["))
			err = see_waited(report, words->items[i], zone, "missing");
	return err;
}

/* What the file names: interfaces that came since the last load, and those that are waited for. */
static int see_configured(struct report *report, const char *path, const struct links *links)
{
	struct config config;
	size_t i;
	int err = 0;

	if (access(path, R_OK))
		return 0;
	if (config_read(path, &config)) {
		problem(report, "%s: is not valid any more (scoutbpf check)", path);
		return 0;
	}
	for (i = 0; !err && i < links->link_count; i++) {
		const struct link *link = &links->links[i];
		enum zone zone = config_role(&config, link->name, NULL);

		if (!zone || link->loopback || is_seen(report, link->name))
			continue;
		problem(report, "%s: is not guarded yet (scoutbpf load)", link->name);
		err = see_waited(report, link->name, zone, "unguarded");
	}
	if (!err)
		err = see_missing_words(report, &config.vpn, ZONE_VPN);
	if (!err)
		err = see_missing_words(report, &config.lan, ZONE_LAN);
	for (i = 0; !err && i < config.container_count; i++)
		err = see_waited(report, config.containers[i].ifname, ZONE_CONTAINER, "missing");
	config_free(&config);
	return err;
}

static void check_containers(struct report *report, const struct gateway *gateway,
			     const struct links *links)
{
	int slot;

	for (slot = 0; slot < MAX_CONTAINERS; slot++) {
		const struct container *container = &gateway->containers[slot];
		const struct link *link = links_by_name(links, container->ifname);

		if (!container->used)
			continue;
		if (!link)
			problem(report, "%s: missing, its container is not reached",
				container->ifname);
		else if (link->ifindex != container->ifindex)
			problem(report, "%s: was made anew (scoutbpf load)", container->ifname);
	}
}

static void check_forwarding(struct report *report)
{
	bool on = true;

	if (!links_forwarding(LINKS_LOOPBACK, &on) && !on)
		problem(report, "lo: forwarding was switched off, so that no route is found "
				"(scoutbpf load)");
}

static int read_drops(struct report *report, const char *pindir)
{
	int fd = pins_require(pindir, NAME_OF(MAP_DROPS));
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct drop_count *counts = cpus > 0 ? calloc(cpus, sizeof(*counts)) : NULL;
	int err = counts ? 0 : -ENOMEM;
	__u32 reason;

	for (reason = 0; fd >= 0 && counts && reason < DROP_REASON_MAX; reason++) {
		if (bpf_map_lookup_elem(fd, &reason, counts))
			continue;
		for (cpu = 0; cpu < cpus; cpu++) {
			report->drops[reason].packets += counts[cpu].packets;
			report->drops[reason].bytes += counts[cpu].bytes;
		}
	}
	if (fd >= 0)
		close(fd);
	else
		err = fd;
	free(counts);
	return err;
}

static int collect(struct report *report, const struct options *options,
		   const struct gateway *gateway)
{
	struct links links;
	int err = links_read(&links);

	if (err) {
		complain("netlink", "%s", strerror(-err));
		return err;
	}
	err = see_interfaces(report, options->pindir, &links, gateway);
	if (!err)
		err = see_configured(report, options->config, &links);
	check_containers(report, gateway, &links);
	check_forwarding(report);
	links_free(&links);
	if (!err)
		err = table_count(options->pindir, &report->established, &report->half_open);
	if (!err)
		err = read_drops(report, options->pindir);
	return err ? err : pins_meta(options->pindir, &report->meta);
}

static const struct {
	__u32 number;
	const char *name; /* in capitals, as in the source */
	const char *text;
} reasons[] = {
#define X(number, name, text) {number, #name, text},
	DROP_REASONS(X)
#undef X
};

#define REASON_COUNT (sizeof(reasons) / sizeof(reasons[0]))

/* The name as users see it: in small letters. */
static const char *reason_name(size_t i, char *buffer, size_t size)
{
	size_t at;

	for (at = 0; at + 1 < size && reasons[i].name[at]; at++)
		buffer[at] = reasons[i].name[at] | (reasons[i].name[at] == '_' ? 0 : 0x20);
	buffer[at] = 0;
	return buffer;
}

static const char *hook_name(enum hook hook)
{
	return hook == HOOK_TCX ? "tcx" : "clsact";
}

static void print_text(const struct report *report, const struct gateway *gateway,
		       const char *pindir)
{
	char name[32];
	size_t i;

	if (report->problem_count)
		printf("problems\n");
	for (i = 0; i < report->problem_count; i++)
		printf("  %s\n", report->problems[i]);
	printf("interfaces\n");
	for (i = 0; i < report->interface_count; i++) {
		const struct guarded *guarded = &report->interfaces[i];

		printf("  %-16s %-10s %-10s %-7s %s\n", guarded->name, zone_name(guarded->zone),
		       guarded->state, guarded->hook ? hook_name(guarded->hook) : "-",
		       guarded->address);
	}
	view_policy(gateway, pindir);
	printf("flows\n  %zu established, %zu half-open, room for %u\n", report->established,
	       report->half_open, report->meta.flows);
	printf("drops\n");
	for (i = 0; i < REASON_COUNT; i++) {
		__u64 packets = report->drops[reasons[i].number].packets;

		if (packets)
			printf("  %10llu  %-16s %s\n", packets, reason_name(i, name, sizeof(name)),
			       reasons[i].text);
	}
}

static struct json_object *interface_json(const struct guarded *guarded)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(guarded->name));
	json_object_object_add(object, "role", json_object_new_string(zone_name(guarded->zone)));
	json_object_object_add(object, "state", json_object_new_string(guarded->state));
	json_object_object_add(object, "hook",
			       guarded->hook ? json_object_new_string(hook_name(guarded->hook))
					     : NULL);
	json_object_object_add(object, "address",
			       guarded->address[0] ? json_object_new_string(guarded->address)
						   : NULL);
	return object;
}

static void print_json(const struct report *report, const struct gateway *gateway)
{
	struct json_object *object = json_object_new_object();
	struct json_object *interfaces = json_object_new_array();
	struct json_object *problems = json_object_new_array();
	struct json_object *flows = json_object_new_object();
	struct json_object *drops = json_object_new_object();
	char name[32];
	size_t i;

	view_policy_json(gateway, object);
	for (i = 0; i < report->interface_count; i++)
		json_object_array_add(interfaces, interface_json(&report->interfaces[i]));
	for (i = 0; i < report->problem_count; i++)
		json_object_array_add(problems, json_object_new_string(report->problems[i]));
	json_object_object_add(flows, "established", json_object_new_uint64(report->established));
	json_object_object_add(flows, "half_open", json_object_new_uint64(report->half_open));
	json_object_object_add(flows, "capacity", json_object_new_uint64(report->meta.flows));
	for (i = 0; i < REASON_COUNT; i++)
		json_object_object_add(
			drops, reason_name(i, name, sizeof(name)),
			json_object_new_uint64(report->drops[reasons[i].number].packets));
	json_object_object_add(object, "interfaces", interfaces);
	json_object_object_add(object, "problems", problems);
	json_object_object_add(object, "flows", flows);
	json_object_object_add(object, "drops", drops);
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

int command_status(const struct options *options, int argc, char **argv)
{
	struct report report = {};
	struct gateway gateway;
	int err;

	if (argc > 1)
		return usage_error(argv[0], "takes no arguments");
	if (gateway_open(options->pindir, false, &gateway))
		return EXIT_FAILED;
	err = collect(&report, options, &gateway);
	if (!err && options->json)
		print_json(&report, &gateway);
	else if (!err)
		print_text(&report, &gateway, options->pindir);
	free(report.interfaces);
	gateway_close(&gateway);
	return err ? EXIT_FAILED : EXIT_DONE;
}
