/* SPDX-License-Identifier: GPL-2.0-only */
/* The pin directory: PINDIR/MAP, PINDIR/PROGRAM and PINDIR/links/INTERFACE-LINKS. */
#ifndef PINS_H
#define PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define DEFAULT_PINDIR "/sys/fs/bpf/scoutbpf"
#define LINKS_DIR "links"

/*
 * Takes the lock on DIR, which is held until the returned descriptor is closed, also by the
 * death of the process. CREATE makes the directory where it is missing. Waits for another
 * command to end. Returns the descriptor, -ENOENT where the directory is missing and CREATE is
 * not set (nothing printed), or a negative errno after a line on stderr.
 */
int pins_lock(const char *dir, bool create);

/* Whether DIR could be made, its parent being on a BPF file system. */
bool pins_possible(const char *dir);

/* Writes "DIR/NAME" into BUFFER. Returns 0 or -ENAMETOOLONG. */
int pins_path(char *buffer, size_t size, const char *dir, const char *name);

/* Opens the map or program pinned as NAME. Returns a descriptor or a negative errno. */
int pins_get(const char *dir, const char *name);

/* Pins FD as NAME in place of what has that name, in one step. Returns 0 or a negative errno. */
int pins_put(const char *dir, const char *name, int fd);

/* Opens the program pinned in DIR that has ID. Returns a descriptor, or -ENOENT. */
int pins_get_program(const char *dir, __u32 id);

/*
 * Removes our pins from DIR, by name, and DIR itself where nothing else is in it. What is missing
 * is no error. Returns 0 or a negative errno. The caller holds the lock.
 */
int pins_remove(const char *dir);

struct meta;

/* What the pinned maps were made for. Returns 0, or -EPROTO for another version's, nothing printed,
 * or what pins_get() says. */
int pins_meta(const char *dir, struct meta *ret);

/*
 * As pins_get(), for commands that need a loaded gateway: prints a line on failure, which says
 * so where there is none, or where the pins were made by another version.
 */
int pins_require(const char *dir, const char *name);

#endif
