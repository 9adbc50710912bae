/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs in the kernel: load, attach, pin, upgrade, remove. */
#ifndef DATAPLANE_H
#define DATAPLANE_H

#include "config.h"
#include "links.h"

/*
 * Makes the kernel match CONFIG: loads the programs, replaces those of a loaded gateway in place
 * (its flows live on), attaches them to the interfaces of LINKS that CONFIG names, and sets the
 * policy. All or nothing: on failure what was before is there again, a line was printed, and a
 * negative errno is returned. The caller holds the lock on PINDIR.
 */
int dataplane_load(const char *pindir, const struct config *config, const struct links *links);

/*
 * Removes all that is ours from every interface of LINKS and the pins. Nothing there is no error.
 * Returns 0 or a negative errno after a line on stderr. The caller holds the lock, if there is
 * a directory to lock.
 */
int dataplane_unload(const char *pindir, const struct links *links);

#endif
