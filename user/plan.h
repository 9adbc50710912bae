/* SPDX-License-Identifier: GPL-2.0-only */
/* Which program stands where: made up first, then put in place, and put back if need be. */
#ifndef PLAN_H
#define PLAN_H

#include "config.h"
#include "hook.h"
#include "links.h"

struct scoutbpf_bpf;

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

/*
 * Plans a place on both sides of every interface of LINKS that CONFIG names, for the loaded programs
 * of SKEL. Nothing is changed. Returns 0, or a negative errno after a line on stderr; *PLAN goes
 * to plan_free() in either case.
 */
int plan_make(struct plan *plan, const struct scoutbpf_bpf *skel, const char *pindir,
	      const struct config *config, const struct links *links);
void plan_free(struct plan *plan);

/* Puts every program in its place, up to the first that fails. Returns 0, or a negative errno after
 * a line on stderr. */
int plan_attach(struct plan *plan, const char *pindir);

/* Puts back what plan_attach() has changed. */
void plan_roll_back(struct plan *plan, const char *pindir);

/*
 * Where the kind of hook has changed, also in a load that was killed, takes the old one away.
 * To be called when all the new ones stand. Returns 0, or a negative errno after a line on stderr.
 */
int plan_leave_other_hooks(const struct plan *plan, const char *pindir);

/* Releases the interfaces of LINKS that are not planned (any more). Returns as the above. */
int plan_release_others(const struct plan *plan, const char *pindir, const struct links *links);

/* Takes ours away from both sides of an interface. Returns as the above. */
int release_link(const char *pindir, const struct link *link);

#endif
