/* SPDX-License-Identifier: GPL-2.0-only */
/* One program at one tc hook of one interface: tcx where the kernel has it, else clsact. */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>

#include <scoutbpf/policy.h>

struct hook_place {
	__u32 ifindex;
	char ifname[IFNAME_SIZE];
	bool egress;
};

/*
 * Puts the program PROG_FD at the head of the place, in one step where ours is there already,
 * so that no packet passes between the two. WANTED is HOOK_TCX, HOOK_CLSACT or 0 for the best
 * that the kernel has; *RET_USED is what it was. What stands there by the other kind of hook
 * stays, and the two stand in a row. Returns 0 or a negative errno; then nothing has changed.
 */
int hook_set(const char *pindir, const struct hook_place *place, enum hook wanted, int prog_fd,
	     enum hook *ret_used);

/*
 * Takes ours of the kind HOOK (0: of both) away and nothing else. Nothing there is no error.
 * Returns 0 or a negative errno.
 */
int hook_remove(const char *pindir, const struct hook_place *place, enum hook hook);

/*
 * Which of ours stands at the place now, asked of the kernel; 0 for none. *RET_ID is the id of
 * the program there, unless RET_ID is NULL.
 */
enum hook hook_find(const char *pindir, const struct hook_place *place, __u32 *ret_id);

/* Removes the pins of links whose interface is gone. Returns 0 or a negative errno. */
int hook_forget_dead(const char *pindir);

#endif
