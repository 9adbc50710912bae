// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <scoutbpf/names.h>

#include "clock.h"
#include "error.h"
#include "pins.h"
#include "table.h"

/* Entries that one system call brings. More than the fullest bucket of the hash has. */
#define BATCH 8192

struct walk {
	int fd;
	bool half_open;
	__u64 now; /* jiffies */
	int (*see)(const struct connection *connection, void *data);
	void *data;
	struct tuple *keys;
	struct flow *values;
};

static bool is_idle(const struct flow *flow, __u64 now)
{
	/* A packet may have come since the clock was read. */
	return now > flow->seen && now - flow->seen > flow->timeout;
}

static int see_entry(const struct walk *walk, const struct tuple *key, const struct flow *flow)
{
	struct connection connection = {.half_open = walk->half_open};
	struct tuple reply = tuple_reversed(&flow->out);

	if (flow->direction != FLOW_ORIGINAL)
		return 0;
	connection.key = *key;
	connection.original = *flow;
	if (bpf_map_lookup_elem(walk->fd, &reply, &connection.reply))
		memset(&connection.reply, 0, sizeof(connection.reply));
	if (is_idle(flow, walk->now) && is_idle(&connection.reply, walk->now))
		return 0;
	return walk->see(&connection, walk->data);
}

static int walk_batches(const struct walk *walk)
{
	__u64 position = 0;
	bool first = true;
	int result = 0;

	while (!result) {
		__u32 count = BATCH, i;
		int err = bpf_map_lookup_batch(walk->fd, first ? NULL : &position, &position,
					       walk->keys, walk->values, &count, NULL);
		bool last = err && errno == ENOENT;

		if (err && !last)
			return -errno;
		for (i = 0; i < count && !result; i++)
			result = see_entry(walk, &walk->keys[i], &walk->values[i]);
		if (last)
			break;
		first = false;
	}
	return result;
}

static int walk_table(const char *pindir, const char *name, struct walk *walk)
{
	int result;

	walk->fd = pins_require(pindir, name);
	if (walk->fd < 0)
		return walk->fd;
	result = walk_batches(walk);
	if (result < 0)
		complain(pindir, "%s: %s", name, strerror(-result));
	close(walk->fd);
	return result;
}

int table_walk(const char *pindir, int (*see)(const struct connection *connection, void *data),
	       void *data)
{
	struct walk walk = {
		.see = see,
		.data = data,
		.keys = calloc(BATCH, sizeof(struct tuple)),
		.values = calloc(BATCH, sizeof(struct flow)),
	};
	struct kernel_clock clock;
	int result = clock_read(pindir, &clock);

	if (!result && (!walk.keys || !walk.values)) {
		result = -ENOMEM;
		complain(pindir, "%s", strerror(-result));
	}
	if (!result) {
		walk.now = clock.jiffies;
		result = walk_table(pindir, NAME_OF(MAP_FLOWS), &walk);
		walk.half_open = true;
		if (!result)
			result = walk_table(pindir, NAME_OF(MAP_HALF_OPEN), &walk);
	}
	free(walk.keys);
	free(walk.values);
	return result;
}

struct counts {
	size_t established;
	size_t half_open;
};

static int count_one(const struct connection *connection, void *data)
{
	struct counts *counts = data;

	if (connection->half_open)
		counts->half_open++;
	else
		counts->established++;
	return 0;
}

int table_count(const char *pindir, size_t *ret_established, size_t *ret_half_open)
{
	struct counts counts = {};
	int err = table_walk(pindir, count_one, &counts);

	if (err)
		return err;
	*ret_established = counts.established;
	*ret_half_open = counts.half_open;
	return 0;
}
