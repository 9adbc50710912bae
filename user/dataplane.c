// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <scoutbpf/names.h>

#include "clock.h"
#include "dataplane.h"
#include "error.h"
#include "interfaces.h"
#include "pins.h"
#include "plan.h"
#include "policy.h"
#include "scoutbpf.skel.h"

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

static int apply(const struct scoutbpf_bpf *skel, const char *pindir, const struct config *config,
		 const struct links *links)
{
	struct policy_maps maps = maps_of(skel);
	struct interface table[MAX_INTERFACES];
	struct interface_maps slots = {
		.interfaces = bpf_map__fd(skel->maps.MAP_INTERFACES),
		.if_slots = bpf_map__fd(skel->maps.MAP_IF_SLOTS),
		.guarded = bpf_map__fd(skel->maps.MAP_GUARDED),
	};
	int err = interfaces_record(&slots, config, links, table);

	if (err)
		return err;
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
		err = apply(skel, pindir, config, links);
	return err ?: plan_attach(plan, pindir);
}

/* What can be refused comes before the policy changes: programs can be put back. */
static int replace(struct scoutbpf_bpf *skel, const char *pindir, struct plan *plan,
		   const struct config *config, const struct links *links)
{
	int err = allow_route_lookup(skel);

	if (!err)
		err = plan_attach(plan, pindir);
	if (!err)
		err = apply(skel, pindir, config, links);
	if (err)
		return err;
	err = pin_programs(skel, pindir);
	if (err)
		warn(pindir, "a later load could not be rolled back: %s", strerror(-err));
	return 0;
}

/* A first load that failed leaves nothing. */
static void clear_away(const char *pindir)
{
	(void)restore_forwarding(pindir);
	(void)pins_remove(pindir);
}

/* From the moment that every program is in its place, the load has been done: what is superfluous
 * after it and cannot be taken away is reported, and guards more than it should. */
static int put_in_place(struct scoutbpf_bpf *skel, const char *pindir, const struct config *config,
			const struct links *links, bool fresh)
{
	struct plan plan;
	int err = plan_make(&plan, skel, pindir, config, links);

	if (!err)
		err = fresh ? start(skel, pindir, &plan, config, links)
			    : replace(skel, pindir, &plan, config, links);
	if (err) {
		plan_roll_back(&plan, pindir);
		if (fresh)
			clear_away(pindir);
	} else {
		err = plan_leave_other_hooks(&plan, pindir);
		if (!err)
			err = plan_release_others(&plan, pindir, links);
	}
	plan_free(&plan);
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
	if (err) {
		if (fresh)
			clear_away(pindir);
		return err;
	}
	err = put_in_place(skel, pindir, config, links, fresh);
	scoutbpf_bpf__destroy(skel);
	return err;
}

int dataplane_unload(const char *pindir, const struct links *links)
{
	size_t i;
	int err = 0;

	/* The pins go last: they are how what is left is found. */
	for (i = 0; !err && i < links->link_count; i++)
		err = release_link(pindir, &links->links[i]);
	if (!err)
		err = restore_forwarding(pindir);
	if (err)
		return err;
	err = pins_remove(pindir);
	if (err)
		complain(pindir, "cannot be removed: %s", strerror(-err));
	return err;
}
