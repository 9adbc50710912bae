// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts the one program of a BPF object at an interface's tc ingress and pins its named maps:
 *
 *	attach OBJECT PINDIR INTERFACE [TARGET]
 *
 * TARGET is an interface too, whose index becomes the first word of the object's read-only data.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "error.h"
#include "hook.h"
#include "pins.h"

static int set_target(struct bpf_object *object, const char *interface)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	__u32 ifindex = if_nametoindex(interface);
	size_t size = 0;
	void *value;

	if (!ifindex)
		return -errno;
	value = rodata ? (void *)bpf_map__initial_value(rodata, &size) : NULL;
	if (size < sizeof(ifindex))
		return -EINVAL;
	memcpy(value, &ifindex, sizeof(ifindex));
	return 0;
}

static int pin_maps(const struct bpf_object *object, const char *pindir)
{
	struct bpf_map *map = NULL;
	int err = 0;

	while (!err && (map = bpf_object__next_map(object, map)))
		if (!bpf_map__is_internal(map))
			err = pins_put(pindir, bpf_map__name(map), bpf_map__fd(map));
	return err;
}

static int attach(struct bpf_object *object, const char *pindir, const char *interface)
{
	const struct bpf_program *program = bpf_object__next_program(object, NULL);
	struct hook_place place = {.ifindex = if_nametoindex(interface)};
	enum hook used;
	int err;

	if (!place.ifindex)
		return -errno;
	snprintf(place.ifname, sizeof(place.ifname), "%s", interface);
	err = pin_maps(object, pindir);
	return err ?: hook_set(pindir, &place, 0, bpf_program__fd(program), &used);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	int err;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: attach OBJECT PINDIR INTERFACE [TARGET]\n");
		return 2;
	}
	/* The hook asks for what may not be there, which libbpf would speak of. */
	(void)libbpf_set_print(NULL);
	object = bpf_object__open(argv[1]);
	if (!object) {
		complain(argv[1], "%s", strerror(errno));
		return 1;
	}
	err = argc == 5 ? set_target(object, argv[4]) : 0;
	if (!err)
		err = bpf_object__load(object);
	if (!err)
		err = attach(object, argv[2], argv[3]);
	if (err)
		complain(argv[3], "%s cannot be attached: %s", argv[1], strerror(-err));
	bpf_object__close(object);
	return err ? 1 : 0;
}
