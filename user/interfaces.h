/* SPDX-License-Identifier: GPL-2.0-only */
/* The slots of the guarded interfaces, as the data path knows them. */
#ifndef INTERFACES_H
#define INTERFACES_H

#include "config.h"
#include "links.h"

/* Descriptors of the maps that hold them. */
struct interface_maps {
	int interfaces;
	int if_slots;
	int guarded;
};

/*
 * Makes the maps say which interfaces of LINKS are guarded, and as what, by CONFIG. A name keeps
 * its slot, so that flows find an interface that was made anew. TABLE has room for
 * MAX_INTERFACES and gets what the maps say. Returns 0, or a negative errno after a line on stderr.
 */
int interfaces_record(const struct interface_maps *maps, const struct config *config,
		      const struct links *links, struct interface *table);

#endif
