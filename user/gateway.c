// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <scoutbpf/names.h>

#include "error.h"
#include "gateway.h"
#include "pins.h"

/* Reads COUNT values of an array map, SIZE bytes each. */
static int read_array(const char *pindir, const char *name, void *values, size_t size, __u32 count)
{
	int fd = pins_require(pindir, name);
	int err = fd < 0 ? fd : 0;
	__u32 key;

	for (key = 0; !err && key < count; key++)
		if (bpf_map_lookup_elem(fd, &key, (char *)values + key * size)) {
			err = -errno;
			complain(pindir, "%s: %s", name, strerror(-err));
		}
	if (fd >= 0)
		close(fd);
	return err;
}

static int read_maps(const char *pindir, struct gateway *gateway)
{
	int err = read_array(pindir, NAME_OF(MAP_SETTINGS), &gateway->settings,
			     sizeof(gateway->settings), 1);

	if (!err)
		err = read_array(pindir, NAME_OF(MAP_CONTAINERS), gateway->containers,
				 sizeof(gateway->containers[0]), MAX_CONTAINERS);
	if (!err)
		err = read_array(pindir, NAME_OF(MAP_INTERFACES), gateway->interfaces,
				 sizeof(gateway->interfaces[0]), MAX_INTERFACES);
	return err ? err : grants_open(pindir, &gateway->grants);
}

int gateway_open(const char *pindir, bool lock, struct gateway *ret)
{
	int err;

	ret->lock = -1;
	if (lock) {
		ret->lock = pins_lock(pindir, false);
		if (ret->lock == -ENOENT)
			complain(pindir, "scoutbpf is not loaded");
		if (ret->lock < 0)
			return ret->lock;
	}
	err = read_maps(pindir, ret);
	if (err && lock)
		close(ret->lock);
	return err;
}

void gateway_close(struct gateway *gateway)
{
	grants_close(&gateway->grants);
	if (gateway->lock >= 0)
		close(gateway->lock);
}
