/* SPDX-License-Identifier: GPL-2.0-only */
/* The loaded gateway as other commands see it: its maps, opened and read. */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <stdbool.h>

#include <scoutbpf/policy.h>

#include "policy.h"

struct gateway {
	int lock; /* -1: not taken */
	struct grants grants;
	struct settings settings;
	struct container containers[MAX_CONTAINERS];
	struct interface interfaces[MAX_INTERFACES];
};

/*
 * Opens the gateway pinned in PINDIR; with LOCK set no other command changes it before
 * gateway_close(). Returns 0 or a negative errno after a line on stderr, *RET then undefined.
 */
int gateway_open(const char *pindir, bool lock, struct gateway *ret);
void gateway_close(struct gateway *gateway);

#endif
