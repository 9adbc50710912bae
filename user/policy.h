/* SPDX-License-Identifier: GPL-2.0-only */
/* The policy in the kernel: grants, containers, addresses. */
#ifndef USER_POLICY_H
#define USER_POLICY_H

#include <stdbool.h>

#include <scoutbpf/policy.h>

#include "config.h"
#include "links.h"

/* The grants map in memory. A store is seen by the data path at once. */
struct grants {
	struct grant *slots; /* GRANT_COUNT of them */
};

/* Maps the grants of the loaded gateway; prints a line on failure. Returns 0 or -errno. */
int grants_open(const char *pindir, struct grants *ret);

/* As grants_open(), of the map FD, nothing printed. */
int grants_map(int fd, struct grants *ret);
void grants_close(struct grants *grants);

/* Whether the grant stands now; BOOT_NS is CLOCK_BOOTTIME. */
bool grant_open(const struct grant *grant, __u64 boot_ns);

/*
 * Makes SLOT the grant WANTED (whose gen does not count; closed where .on is 0). Flows of a grant
 * that stays the same live on, a change of the expiry included; those of any other change are cut.
 */
void grant_set(struct grant *slot, struct grant wanted);

/* Revokes: every flow that the grant opened is cut. A closed one stays as it is. */
void grant_clear(struct grant *slot);

/* The grant that SPEC asks for at PORT (host order), to the container in SLOT, without an end. */
struct grant grant_of_spec(const struct port_spec *spec, __u32 port, int slot);

/* The descriptors of the maps that hold the rest of the policy. */
struct policy_maps {
	int grants;
	int containers;
	int slots;
	int locals;
	int setup;
};

/*
 * Makes the maps say what CONFIG says, given the interfaces and addresses of LINKS and the slots of
 * the guarded ones, MAX_INTERFACES of them. What stays the same keeps its flows. Returns 0 or a negative errno.
 */
int policy_apply(const struct policy_maps *maps, const struct config *config,
		 const struct links *links, const struct interface *interfaces, bool route_source);

#endif
