// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "hook.h"
#include "pins.h"

/* include/uapi/linux/bpf.h of 6.6; the headers that we build against may be older. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define ATTACH_BEFORE (1U << 3)

/* Ours among the filters of a clsact qdisc: at the head, told by a handle that nobody else has. To
 * ask for the program's name would take CAP_SYS_ADMIN. */
#define CLSACT_PRIORITY 1
#define CLSACT_HANDLE 0x5c07b

static int link_name(char *buffer, size_t size, const struct hook_place *place)
{
	int length = snprintf(buffer, size, "%s/%u-%s", LINKS_DIR, place->ifindex,
			      place->egress ? "out" : "in");

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* What the kernel says of a pinned tcx link. IFINDEX 0: its interface is gone. */
struct link_state {
	__u32 ifindex;
	__u32 prog_id;
};

static int link_query(int fd, struct link_state *ret)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	/* A tcx link's details start with the ifindex, as an XDP link's do. */
	ret->ifindex = info.xdp.ifindex;
	ret->prog_id = info.prog_id;
	return 0;
}

/* Our pinned link at the place; a dead one of an earlier interface does not count. */
static int link_open(const char *pindir, const struct hook_place *place, struct link_state *state)
{
	char name[64];
	int err = link_name(name, sizeof(name), place);
	int fd;

	if (err)
		return err;
	fd = pins_get(pindir, name);
	if (fd < 0)
		return fd;
	err = link_query(fd, state);
	if (!err && state->ifindex != place->ifindex)
		err = -ENOENT;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int link_create(const char *pindir, const struct hook_place *place, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = ATTACH_BEFORE);
	char name[64];
	int err = link_name(name, sizeof(name), place);
	int fd;

	if (err)
		return err;
	fd = bpf_link_create(prog_fd, place->ifindex,
			     place->egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS, &options);
	if (fd < 0)
		return -errno;
	err = pins_put(pindir, name, fd);
	close(fd); /* unpinned, this detaches it */
	return err;
}

static int link_set(const char *pindir, const struct hook_place *place, int prog_fd)
{
	struct link_state state;
	int fd = link_open(pindir, place, &state);
	int err = 0;

	if (fd == -ENOENT)
		return link_create(pindir, place, prog_fd);
	if (fd < 0)
		return fd;
	if (bpf_link_update(fd, prog_fd, NULL))
		err = -errno;
	close(fd);
	return err;
}

/* Detached by word, not by the loss of its pin: the kernel would take its time, in which a link for
 * the same program cannot be made. */
static int link_remove(const char *pindir, const struct hook_place *place)
{
	struct link_state state;
	char name[64], path[PATH_MAX];
	int fd = link_open(pindir, place, &state);
	int err = link_name(name, sizeof(name), place);

	if (fd >= 0) {
		if (bpf_link_detach(fd) && !err)
			err = -errno;
		close(fd);
	}
	if (!err)
		err = pins_path(path, sizeof(path), pindir, name);
	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static struct bpf_tc_hook clsact_hook(const struct hook_place *place)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = place->ifindex,
		.attach_point = place->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

/* The id of our program at the place, 0 for none. */
static __u32 clsact_query(const struct hook_place *place)
{
	struct bpf_tc_hook hook = clsact_hook(place);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	return bpf_tc_query(&hook, &options) ? 0 : options.prog_id;
}

static int clsact_set(const struct hook_place *place, int prog_fd)
{
	struct bpf_tc_hook hook = clsact_hook(place);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY,
		    .prog_fd = prog_fd);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	options.flags = clsact_query(place) ? BPF_TC_F_REPLACE : 0;
	return bpf_tc_attach(&hook, &options);
}

static int clsact_remove(const struct hook_place *place)
{
	struct bpf_tc_hook hook = clsact_hook(place);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	int err;

	if (!clsact_query(place))
		return 0;
	err = bpf_tc_detach(&hook, &options);
	return err == -ENOENT ? 0 : err;
}

int hook_set(const char *pindir, const struct hook_place *place, enum hook wanted, int prog_fd,
	     enum hook *ret_used)
{
	int err;

	if (wanted != HOOK_CLSACT) {
		*ret_used = HOOK_TCX;
		err = link_set(pindir, place, prog_fd);
		/* Kernels before 6.6 know no such link. */
		if (wanted == HOOK_TCX || (err != -EINVAL && err != -EOPNOTSUPP))
			return err;
	}
	*ret_used = HOOK_CLSACT;
	return clsact_set(place, prog_fd);
}

int hook_remove(const char *pindir, const struct hook_place *place, enum hook hook)
{
	int err = 0;

	if (hook != HOOK_CLSACT)
		err = link_remove(pindir, place);
	if (!err && hook != HOOK_TCX)
		err = clsact_remove(place);
	return err;
}

enum hook hook_find(const char *pindir, const struct hook_place *place, __u32 *ret_id)
{
	struct link_state state = {};
	enum hook hook = HOOK_TCX;
	int fd = link_open(pindir, place, &state);

	if (fd >= 0) {
		close(fd);
	} else {
		state.prog_id = clsact_query(place);
		hook = state.prog_id ? HOOK_CLSACT : 0;
	}
	if (ret_id)
		*ret_id = state.prog_id;
	return hook;
}

int hook_forget_dead(const char *pindir)
{
	char path[PATH_MAX], name[PATH_MAX];
	struct dirent *entry;
	DIR *stream;
	int err = pins_path(path, sizeof(path), pindir, LINKS_DIR);

	if (err)
		return err;
	stream = opendir(path);
	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(stream))) {
		struct link_state state = {.ifindex = 1};
		int fd;

		if (entry->d_type == DT_DIR ||
		    pins_path(name, sizeof(name), LINKS_DIR, entry->d_name))
			continue;
		fd = pins_get(pindir, name);
		if (fd < 0)
			continue;
		if (!link_query(fd, &state) && !state.ifindex)
			(void)unlinkat(dirfd(stream), entry->d_name, 0);
		close(fd);
	}
	closedir(stream);
	return 0;
}
