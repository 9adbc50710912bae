// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include <bpf/bpf.h>

#include <scoutbpf/names.h>
#include <scoutbpf/policy.h>

#include "error.h"
#include "pins.h"

int pins_path(char *buffer, size_t size, const char *dir, const char *name)
{
	int length = snprintf(buffer, size, "%s/%s", dir, name);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static bool is_on_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* The directory that DIR is or would be in. Returns 0 or -ENAMETOOLONG. */
static int parent_of(const char *dir, char *parent, size_t size)
{
	char copy[PATH_MAX];
	int length;

	if (strlen(dir) >= sizeof(copy))
		return -ENAMETOOLONG;
	length = snprintf(parent, size, "%s", dirname(strcpy(copy, dir)));
	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

bool pins_possible(const char *dir)
{
	char parent[PATH_MAX];

	return !parent_of(dir, parent, sizeof(parent)) && is_on_bpffs(parent);
}

/* Says what is wrong with the place where DIR would be made. */
static int check_parent(const char *dir)
{
	char parent[PATH_MAX];

	if (parent_of(dir, parent, sizeof(parent))) {
		complain(dir, "the path is too long");
		return -ENAMETOOLONG;
	}
	if (is_on_bpffs(parent))
		return 0;
	if (access(parent, F_OK))
		complain(parent, "%s", strerror(errno));
	else
		complain(parent, "not a BPF file system (mount -t bpf bpf /sys/fs/bpf)");
	return -EMEDIUMTYPE;
}

static int make_dir(const char *dir)
{
	int err = check_parent(dir);

	if (!err && mkdir(dir, 0700) && errno != EEXIST) {
		err = -errno;
		complain(dir, "%s", strerror(-err));
	}
	return err;
}

static int open_dir(const char *dir, bool create)
{
	int err = create ? make_dir(dir) : 0;
	int fd;

	if (err)
		return err;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		if (err != -ENOENT)
			complain(dir, "%s", strerror(-err));
		return err;
	}
	if (!is_on_bpffs(dir)) {
		complain(dir, "is on no BPF file system");
		close(fd);
		return -EMEDIUMTYPE;
	}
	return fd;
}

/* A command that waited for an unload holds the lock of a directory that is gone. */
static bool is_current(int fd, const char *dir)
{
	struct stat held, named;

	return !fstat(fd, &held) && !stat(dir, &named) && held.st_ino == named.st_ino &&
	       held.st_dev == named.st_dev;
}

int pins_lock(const char *dir, bool create)
{
	for (;;) {
		int fd = open_dir(dir, create);

		/* An unload took it away after it was made. */
		if (fd == -ENOENT && create)
			continue;
		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX)) {
			int err = -errno;

			if (err != -EINTR)
				complain(dir, "cannot be locked: %s", strerror(-err));
			close(fd);
			if (err != -EINTR)
				return err;
			continue;
		}
		if (is_current(fd, dir))
			return fd;
		close(fd);
	}
}

int pins_get(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = pins_path(path, sizeof(path), dir, name);

	if (err)
		return err;
	err = bpf_obj_get(path);
	return err < 0 ? -errno : err;
}

int pins_put(const char *dir, const char *name, int fd)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int err = pins_path(path, sizeof(path), dir, name);

	if (!err)
		err = pins_path(fresh, sizeof(fresh) - 4, dir, name);
	if (err)
		return err;
	/* The BPF file system keeps dots for itself. */
	strcat(fresh, "_new");
	(void)unlink(fresh);
	if (bpf_obj_pin(fd, fresh))
		return -errno;
	if (rename(fresh, path)) {
		err = -errno;
		(void)unlink(fresh);
		return err;
	}
	return 0;
}

static int remove_pin(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = pins_path(path, sizeof(path), dir, name);

	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* The links directory is all ours. */
static int remove_links(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int err = 0;

	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(stream)))
		if (entry->d_type != DT_DIR)
			err = remove_pin(dir, entry->d_name);
	closedir(stream);
	return !err && rmdir(dir) && errno != ENOENT ? -errno : err;
}

int pins_get_program(const char *dir, __u32 id)
{
	static const char *const names[] = {
#define X(program, zone, ethernet, egress) #program,
		PROGRAMS(X)
#undef X
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		int fd = pins_get(dir, names[i]);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.id == id)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

int pins_remove(const char *dir)
{
	static const char *const names[] = {
#define X(map) NAME_OF(map),
		PINNED_MAPS(X)
#undef X
#define X(program, zone, ethernet, egress) #program,
			PROGRAMS(X)
#undef X
				NAME_OF(CLOCK_PROGRAM),
	};
	char links[PATH_MAX];
	int err = pins_path(links, sizeof(links), dir, LINKS_DIR);
	size_t i;

	if (!err)
		err = remove_links(links);
	for (i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++)
		err = remove_pin(dir, names[i]);
	/* With somebody else's pins in it, or as a mount point, it stays. */
	if (!err && rmdir(dir) && errno != ENOENT && errno != ENOTEMPTY && errno != EBUSY)
		err = -errno;
	return err;
}

int pins_meta(const char *dir, struct meta *ret)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), zero = 0;
	int fd = pins_get(dir, NAME_OF(MAP_META));
	int err = 0;

	if (fd < 0)
		return fd;
	/* The kernel writes as much as the value has, whatever room there is. */
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != sizeof(*ret))
		err = -EPROTO;
	else if (bpf_map_lookup_elem(fd, &zero, ret))
		err = -errno;
	else if (ret->schema != SCOUTBPF_SCHEMA)
		err = -EPROTO;
	close(fd);
	return err;
}

int pins_require(const char *dir, const char *name)
{
	struct meta meta;
	int err = pins_meta(dir, &meta);
	int fd;

	if (err == -ENOENT)
		complain(dir, "scoutbpf is not loaded");
	else if (err == -EPROTO)
		complain(dir, "loaded by another version of scoutbpf (unload and load again)");
	else if (err)
		complain(dir, "%s", strerror(-err));
	if (err)
		return err;
	fd = pins_get(dir, name);
	if (fd < 0)
		complain(dir, "%s: %s", name, strerror(-fd));
	return fd;
}
