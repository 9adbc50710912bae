// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include <scoutbpf/names.h>

#include "error.h"
#include "pins.h"
#include "plan.h"
#include "scoutbpf.skel.h"

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
int plan_make(struct plan *plan, const struct scoutbpf_bpf *skel, const char *pindir,
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

void plan_free(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->places[i].before_program >= 0)
			close(plan->places[i].before_program);
	free(plan->places);
}

int plan_attach(struct plan *plan, const char *pindir)
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

void plan_roll_back(struct plan *plan, const char *pindir)
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
int plan_leave_other_hooks(const struct plan *plan, const char *pindir)
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
int release_link(const char *pindir, const struct link *link)
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
int plan_release_others(const struct plan *plan, const char *pindir, const struct links *links)
{
	size_t i;

	for (i = 0; i < links->link_count; i++) {
		int err;

		if (is_planned(plan, links->links[i].ifindex))
			continue;
		err = release_link(pindir, &links->links[i]);
		if (err)
			return err;
	}
	return hook_forget_dead(pindir);
}
