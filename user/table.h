/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow tables, read as connections. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <scoutbpf/flow.h>

/* A connection: the entry of the direction that opened it, and the other's where it exists. */
struct connection {
	struct tuple key; /* of the original direction */
	struct flow original;
	struct flow reply; /* all zero where it was evicted */
	bool half_open;
};

/*
 * Calls SEE for every connection that has not run out, in no order, until it returns other than 0.
 * Returns that, 0, or a negative errno after a line on stderr.
 */
int table_walk(const char *pindir, int (*see)(const struct connection *connection, void *data),
	       void *data);

/* The same, only counted. */
int table_count(const char *pindir, size_t *ret_established, size_t *ret_half_open);

#endif
