// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <scoutbpf/names.h>

#include "dataplane.h"
#include "error.h"
#include "hook.h"
#include "pins.h"
#include "policy.h"
#include "scoutbpf.skel.h"

/* An interface to guard and how far its change got, for the way back. */
struct place {
	struct hook_place at;
	enum hook wanted; /* 0: the best that there is; what that was, once changed */
	int program; /* to be put there; the skeleton's */
	enum hook before; /* what stood there; 0: nothing */
	int before_program; /* -1: nothing */
	bool changed;
};

struct plan {
	struct place *places; /* two for each interface: in, out */
	size_t count;
};

__u32 jiffies_per_second(void)
{
	struct timespec tick;

	/* The coarse clock moves with the tick: its resolution is a jiffy. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || !tick.tv_nsec)
		return 250;
	return (1000000000L + tick.tv_nsec / 2) / tick.tv_nsec;
}

static void set_timeouts(struct scoutbpf_bpf *skel)
{
	__u32 hz = jiffies_per_second();

	skel->rodata->timeouts = (struct timeouts){
		.tcp_half_open = TCP_HALF_OPEN_SECONDS * hz,
		.tcp_established = TCP_ESTABLISHED_SECONDS * hz,
		.tcp_closing = TCP_CLOSING_SECONDS * hz,
		.udp = UDP_SECONDS * hz,
		.icmp = ICMP_SECONDS * hz,
	};
}

/* The maps that outlive their programs, in the order in which they are pinned. */
static const char *const pinned_maps[] = {
#define X(map) NAME_OF(map),
	PINNED_MAPS(X)
#undef X
};

#define PINNED_COUNT (sizeof(pinned_maps) / sizeof(pinned_maps[0]))

/* Says, with the object's name, why the pinned maps cannot be taken over. */
static int check_pinned(const char *pindir, const struct config *config)
{
	struct meta meta;
	int fd = pins_require(pindir, NAME_OF(MAP_META));
	int err;

	if (fd < 0)
		return fd;
	close(fd);
	err = pins_meta(pindir, &meta);
	if (!err && meta.flows != config->flows) {
		complain(pindir, "flows cannot change from %u to %u while loaded (unload first)",
			 meta.flows, config->flows);
		err = -EBUSY;
	}
	return err;
}

static int reuse_map(struct bpf_map *map, const char *pindir, const char *name)
{
	int fd = pins_get(pindir, name);
	int err = fd < 0 ? fd : bpf_map__reuse_fd(map, fd);

	if (fd >= 0)
		close(fd);
	if (err)
		complain(pindir, "%s: cannot be taken over: %s", name, strerror(-err));
	return err;
}

static int reuse_maps(struct scoutbpf_bpf *skel, const char *pindir)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < PINNED_COUNT; i++)
		err = reuse_map(bpf_object__find_map_by_name(skel->obj, pinned_maps[i]), pindir,
				pinned_maps[i]);
	return err;
}

static void explain_load_failure(int err)
{
	struct utsname kernel = {.release = "?"};
	char object[sizeof(kernel.release) + 8];

	(void)uname(&kernel);
	snprintf(object, sizeof(object), "kernel %s", kernel.release);
	if (err == -EPERM || err == -EACCES)
		complain(object,
			 "refuses the programs: %s (it takes root, or CAP_BPF, CAP_NET_ADMIN and "
			 "CAP_PERFMON)",
			 strerror(-err));
	else if (err == -ENOMEM || err == -E2BIG)
		complain(object, "has no memory for the maps: %s", strerror(-err));
	else
		complain(object, "refuses the programs: %s (5.10 or newer is needed)",
			 strerror(-err));
}

static bool is_needed(const struct config *config, const struct links *links, enum zone zone,
		      bool ethernet)
{
	size_t i;

	for (i = 0; i < links->link_count; i++)
		if (links->links[i].ethernet == ethernet &&
		    config_role(config, links->links[i].name, NULL) == zone)
			return true;
	return false;
}

/* The verifier takes its time: programs that no interface wants are not shown to it. */
static void skip_unneeded(struct scoutbpf_bpf *skel, const struct config *config,
			  const struct links *links)
{
#define X(program, zone, ethernet, egress)                   \
	(void)bpf_program__set_autoload(skel->progs.program, \
					is_needed(config, links, zone, ethernet));
	PROGRAMS(X)
#undef X
}

/* The programs, verified and with their maps, attached to nothing. */
static int open_programs(const char *pindir, const struct config *config, const struct links *links,
			 bool fresh, struct scoutbpf_bpf **ret)
{
	struct scoutbpf_bpf *skel = scoutbpf_bpf__open();
	int err;

	if (!skel) {
		err = -errno;
		explain_load_failure(err);
		return err;
	}
	set_timeouts(skel);
	skip_unneeded(skel, config, links);
	/* An entry for each direction; a half-open flow for every two that are open. */
	(void)bpf_map__set_max_entries(skel->maps.MAP_FLOWS, 2 * config->flows);
	(void)bpf_map__set_max_entries(skel->maps.MAP_HALF_OPEN, config->flows);
	err = fresh ? 0 : reuse_maps(skel, pindir);
	if (!err) {
		err = scoutbpf_bpf__load(skel);
		if (err)
			explain_load_failure(err);
	}
	if (err) {
		scoutbpf_bpf__destroy(skel);
		return err;
	}
	*ret = skel;
	return 0;
}

static int program_for(const struct scoutbpf_bpf *skel, enum zone zone, bool ethernet, bool egress)
{
#define X(name, of_zone, of_ethernet, of_egress)                                     \
	if (zone == (of_zone) && ethernet == (of_ethernet) && egress == (of_egress)) \
		return bpf_program__fd(skel->progs.name);
	PROGRAMS(X)
#undef X
	return -1;
}

static void plan_place(struct plan *plan, const char *pindir, const struct link *link,
		       enum hook wanted, bool egress, int program)
{
	struct place *place = &plan->places[plan->count++];
	__u32 id;

	*place = (struct place){.wanted = wanted, .program = program};
	place->at.ifindex = link->ifindex;
	place->at.egress = egress;
	memcpy(place->at.ifname, link->name, sizeof(place->at.ifname));
	place->before = hook_find(pindir, &place->at, &id);
	place->before_program = place->before ? pins_get_program(pindir, id) : -1;
}

/* Every interface that the file names and the machine has. */
static int make_plan(struct plan *plan, const struct scoutbpf_bpf *skel, const char *pindir,
		     const struct config *config, const struct links *links)
{
	size_t i;

	*plan = (struct plan){.places = calloc(2 * links->link_count + 1, sizeof(struct place))};
	if (!plan->places)
		return -ENOMEM;
	for (i = 0; i < links->link_count; i++) {
		const struct link *link = &links->links[i];
		enum zone zone = config_role(config, link->name, NULL);
		int egress;

		if (!zone || link->loopback)
			continue;
		if (program_for(skel, zone, link->ethernet, false) < 0) {
			complain(link->name, "a container's interface must be an Ethernet one");
			return -EPROTONOSUPPORT;
		}
		for (egress = 0; egress < 2; egress++)
			plan_place(plan, pindir, link, config->hook, egress,
				   program_for(skel, zone, link->ethernet, egress));
	}
	if (plan->count > 2UL * MAX_INTERFACES) {
		complain("load", "more than %d interfaces to guard", MAX_INTERFACES);
		return -E2BIG;
	}
	if (plan->count)
		return 0;
	complain("load", "none of the interfaces that the configuration names exists");
	return -ENODEV;
}

static void free_plan(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->places[i].before_program >= 0)
			close(plan->places[i].before_program);
	free(plan->places);
}

static int attach(struct plan *plan, const char *pindir)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		struct place *place = &plan->places[i];
		int err =
			hook_set(pindir, &place->at, place->wanted, place->program, &place->wanted);

		if (err) {
			complain(place->at.ifname, "cannot be guarded: %s", strerror(-err));
			return err;
		}
		place->changed = true;
	}
	return 0;
}

/* A new program that cannot be put back stays: it guards by the old policy, which still stands. */
static int put_back(const struct place *place, const char *pindir)
{
	enum hook used;

	if (place->before != place->wanted)
		return hook_remove(pindir, &place->at, place->wanted);
	if (place->before_program < 0)
		return 0;
	return hook_set(pindir, &place->at, place->before, place->before_program, &used);
}

static void roll_back(struct plan *plan, const char *pindir)
{
	size_t i = plan->count;

	while (i--) {
		struct place *place = &plan->places[i];
		int err = place->changed ? put_back(place, pindir) : 0;

		if (err)
			complain(place->at.ifname, "could not be put back: %s", strerror(-err));
	}
}

/* Where the kind of hook has changed, also in a load that was killed, the old one goes when all the
 * new ones stand. */
static int leave_other_hooks(const struct plan *plan, const char *pindir)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		const struct place *place = &plan->places[i];
		int err = hook_remove(pindir, &place->at,
				      place->wanted == HOOK_TCX ? HOOK_CLSACT : HOOK_TCX);

		if (err) {
			complain(place->at.ifname, "the old hook stays: %s", strerror(-err));
			return err;
		}
	}
	return 0;
}

static bool is_planned(const struct plan *plan, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->places[i].at.ifindex == ifindex)
			return true;
	return false;
}

/* Takes ours away from both sides of an interface. */
static int release(const char *pindir, const struct link *link)
{
	struct hook_place in = {.ifindex = link->ifindex};
	struct hook_place out = {.ifindex = link->ifindex, .egress = true};
	int err = hook_remove(pindir, &in, 0);

	if (!err)
		err = hook_remove(pindir, &out, 0);
	if (err)
		complain(link->name, "cannot be released: %s", strerror(-err));
	return err;
}

/* Interfaces that are guarded still but that the file does not name any more. */
static int release_unplanned(const struct plan *plan, const char *pindir, const struct links *links)
{
	size_t i;

	for (i = 0; i < links->link_count; i++) {
		int err;

		if (is_planned(plan, links->links[i].ifindex))
			continue;
		err = release(pindir, &links->links[i]);
		if (err)
			return err;
	}
	return hook_forget_dead(pindir);
}

/* The slot that has NAME, else a free one; -E2BIG where there is none. */
static int slot_for(const struct interface *table, const char *name)
{
	int slot, free_slot = -E2BIG;

	for (slot = 0; slot < MAX_INTERFACES; slot++) {
		if (!strncmp(table[slot].name, name, sizeof(table[slot].name)))
			return slot;
		if (free_slot < 0 && !table[slot].name[0])
			free_slot = slot;
	}
	return free_slot;
}

/* What TABLE, as it was, becomes. Names that are not planned (any more) keep their slots. */
static int plan_interfaces(struct interface *table, const struct plan *plan,
			   const struct config *config, const struct links *links)
{
	size_t i;
	int slot;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		table[slot].ifindex = 0;
	for (i = 0; i < plan->count; i += 2) {
		const struct hook_place *at = &plan->places[i].at;
		const struct link *link = links_by_index(links, at->ifindex);

		slot = slot_for(table, at->ifname);
		if (slot < 0) {
			complain(at->ifname, "is one interface too many (unload and load)");
			return slot;
		}
		table[slot] = (struct interface){
			.address = links_source(links, at->ifindex, AF_INET),
			.ifindex = at->ifindex,
			.zone = config_role(config, at->ifname, NULL),
			.ethernet = link && link->ethernet,
		};
		memcpy(table[slot].name, at->ifname, sizeof(table[slot].name));
	}
	return 0;
}

/* An interface that went is taken out before the one that came is put in. */
static int write_interface(const struct scoutbpf_bpf *skel, __u32 slot,
			   const struct interface *interface)
{
	int if_slots = bpf_map__fd(skel->maps.MAP_IF_SLOTS);
	int guarded = bpf_map__fd(skel->maps.MAP_GUARDED);
	int interfaces = bpf_map__fd(skel->maps.MAP_INTERFACES);
	struct interface held;

	if (bpf_map_lookup_elem(interfaces, &slot, &held))
		return -errno;
	if (held.ifindex && held.ifindex != interface->ifindex)
		(void)bpf_map_delete_elem(if_slots, &held.ifindex);
	if (!interface->ifindex)
		(void)bpf_map_delete_elem(guarded, &slot);
	if (bpf_map_update_elem(interfaces, &slot, interface, BPF_ANY))
		return -errno;
	if (!interface->ifindex)
		return 0;
	if (bpf_map_update_elem(guarded, &slot, &interface->ifindex, BPF_ANY) ||
	    bpf_map_update_elem(if_slots, &interface->ifindex, &slot, BPF_ANY))
		return -errno;
	return 0;
}

/* The maps say which interfaces are guarded, and as what. */
static int record_interfaces(const struct plan *plan, const struct scoutbpf_bpf *skel,
			     const struct config *config, const struct links *links,
			     struct interface *table)
{
	int fd = bpf_map__fd(skel->maps.MAP_INTERFACES);
	__u32 slot;
	int err;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		if (bpf_map_lookup_elem(fd, &slot, &table[slot]))
			return -errno;
	err = plan_interfaces(table, plan, config, links);
	for (slot = 0; !err && slot < MAX_INTERFACES; slot++)
		err = write_interface(skel, slot, &table[slot]);
	return err;
}

static int make_links_dir(const char *pindir)
{
	char path[PATH_MAX];
	int err = pins_path(path, sizeof(path), pindir, LINKS_DIR);

	if (!err && mkdir(path, 0700) && errno != EEXIST)
		err = -errno;
	return err;
}

/* So that a later load can put these back, should it fail. */
static int pin_programs(const struct scoutbpf_bpf *skel, const char *pindir)
{
	int err = 0;

#define X(program, zone, ethernet, egress)                     \
	if (!err && bpf_program__fd(skel->progs.program) >= 0) \
		err = pins_put(pindir, #program, bpf_program__fd(skel->progs.program));
	PROGRAMS(X)
#undef X
	return err;
}

/* Pins what other commands open, and makes the directory that keeps the links. A gateway counts as
 * loaded from the last of the pins on, so that a load that was killed is begun anew. */
static int pin_all(struct scoutbpf_bpf *skel, const char *pindir)
{
	int err = make_links_dir(pindir);
	size_t i;

	if (!err)
		err = pins_put(pindir, NAME_OF(CLOCK_PROGRAM),
			       bpf_program__fd(skel->progs.CLOCK_PROGRAM));
	if (!err)
		err = pin_programs(skel, pindir);
	for (i = 0; !err && i < PINNED_COUNT; i++)
		err = pins_put(pindir, pinned_maps[i],
			       bpf_object__find_map_fd_by_name(skel->obj, pinned_maps[i]));
	return err;
}

/*
 * The route lookup of the data path starts from the loopback interface and is refused on one that
 * does not forward. Switching it on there lets no packet through that was not before: nothing
 * but the host itself sends by it.
 */
static int allow_route_lookup(const struct scoutbpf_bpf *skel)
{
	int fd = bpf_map__fd(skel->maps.MAP_META);
	struct meta meta;
	__u32 zero = 0;
	bool on;
	int err = links_forwarding(LINKS_LOOPBACK, &on);

	if (!err && !on) {
		/* First the note that it was us, then the deed. */
		if (bpf_map_lookup_elem(fd, &zero, &meta))
			return -errno;
		meta.forwarding_set = 1;
		if (bpf_map_update_elem(fd, &zero, &meta, BPF_ANY))
			return -errno;
		err = links_set_forwarding(LINKS_LOOPBACK, true);
	}
	if (err)
		complain("lo", "forwarding cannot be switched on: %s", strerror(-err));
	return err;
}

static int record_meta(const struct scoutbpf_bpf *skel, const struct config *config)
{
	struct meta meta = {.schema = SCOUTBPF_SCHEMA, .flows = config->flows};
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(skel->maps.MAP_META), &zero, &meta, BPF_ANY) ? -errno
											    : 0;
}

static int restore_forwarding(const char *pindir)
{
	struct meta meta;
	int err;

	if (pins_meta(pindir, &meta) || !meta.forwarding_set)
		return 0;
	err = links_set_forwarding(LINKS_LOOPBACK, false);
	if (err)
		complain("lo", "forwarding cannot be switched off again: %s", strerror(-err));
	return err;
}

static struct policy_maps maps_of(const struct scoutbpf_bpf *skel)
{
	return (struct policy_maps){
		.grants = bpf_map__fd(skel->maps.MAP_GRANTS),
		.containers = bpf_map__fd(skel->maps.MAP_CONTAINERS),
		.slots = bpf_map__fd(skel->maps.MAP_CONTAINER_SLOTS),
		.locals = bpf_map__fd(skel->maps.MAP_LOCALS),
		.setup = bpf_map__fd(skel->maps.MAP_SETTINGS),
	};
}

/* Whether bpf_fib_lookup() tells the source address; it refuses a flag that it does not know. */
static bool probe_route_source(const struct scoutbpf_bpf *skel)
{
	char frame[ETH_ZLEN] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);

	return !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.probe_route_source), &options) &&
	       options.retval == TC_ACT_OK;
}

static int apply(const struct scoutbpf_bpf *skel, const char *pindir, const struct plan *plan,
		 const struct config *config, const struct links *links)
{
	struct policy_maps maps = maps_of(skel);
	struct interface table[MAX_INTERFACES];
	int err = record_interfaces(plan, skel, config, links, table);

	if (!err)
		err = policy_apply(&maps, config, links, table, probe_route_source(skel));
	if (err)
		complain(pindir, "the policy cannot be set: %s", strerror(-err));
	return err;
}

/* The first packet must find the whole policy. Nothing is attached before it stands. */
static int start(struct scoutbpf_bpf *skel, const char *pindir, struct plan *plan,
		 const struct config *config, const struct links *links)
{
	int err = record_meta(skel, config);

	if (!err)
		err = pin_all(skel, pindir);
	if (err) {
		complain(pindir, "%s", strerror(-err));
		return err;
	}
	err = allow_route_lookup(skel);
	if (!err)
		err = apply(skel, pindir, plan, config, links);
	return err ?: attach(plan, pindir);
}

/* What can be refused comes before the policy changes: programs can be put back. */
static int replace(struct scoutbpf_bpf *skel, const char *pindir, struct plan *plan,
		   const struct config *config, const struct links *links)
{
	int err = allow_route_lookup(skel);

	if (!err)
		err = attach(plan, pindir);
	if (!err)
		err = apply(skel, pindir, plan, config, links);
	if (err)
		return err;
	err = pin_programs(skel, pindir);
	if (err)
		warn(pindir, "a later load could not be rolled back: %s", strerror(-err));
	return 0;
}

static int put_in_place(struct scoutbpf_bpf *skel, const char *pindir, const struct config *config,
			const struct links *links, bool fresh)
{
	struct plan plan;
	int err = make_plan(&plan, skel, pindir, config, links);

	if (!err)
		err = fresh ? start(skel, pindir, &plan, config, links)
			    : replace(skel, pindir, &plan, config, links);
	if (err)
		roll_back(&plan, pindir);
	if (!err)
		err = leave_other_hooks(&plan, pindir);
	if (!err)
		err = release_unplanned(&plan, pindir, links);
	free_plan(&plan);
	return err;
}

int dataplane_load(const char *pindir, const struct config *config, const struct links *links)
{
	int meta = pins_get(pindir, NAME_OF(MAP_META));
	bool fresh = meta == -ENOENT;
	struct scoutbpf_bpf *skel;
	int err = 0;

	if (meta >= 0)
		close(meta);
	if (!fresh)
		err = check_pinned(pindir, config);
	if (!err)
		err = open_programs(pindir, config, links, fresh, &skel);
	if (!err) {
		err = put_in_place(skel, pindir, config, links, fresh);
		scoutbpf_bpf__destroy(skel);
	}
	if (err && fresh) {
		(void)restore_forwarding(pindir);
		(void)pins_remove(pindir);
	}
	return err;
}

int dataplane_unload(const char *pindir, const struct links *links)
{
	size_t i;
	int err = 0;

	/* The pins go last: they are how what is left is found. */
	for (i = 0; !err && i < links->link_count; i++)
		err = release(pindir, &links->links[i]);
	if (!err)
		err = restore_forwarding(pindir);
	if (err)
		return err;
	err = pins_remove(pindir);
	if (err)
		complain(pindir, "cannot be removed: %s", strerror(-err));
	return err;
}

int dataplane_clock(const char *pindir, struct kernel_clock *ret)
{
	char frame[ETH_ZLEN] = {}, out[ETH_ZLEN];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	int fd = pins_require(pindir, NAME_OF(CLOCK_PROGRAM));
	int err;

	if (fd < 0)
		return fd;
	err = bpf_prog_test_run_opts(fd, &options);
	close(fd);
	if (err)
		complain(pindir, NAME_OF(CLOCK_PROGRAM) ": %s", strerror(-err));
	else
		memcpy(ret, out, sizeof(*ret));
	return err;
}
