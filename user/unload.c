// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "dataplane.h"
#include "error.h"
#include "links.h"
#include "pins.h"

int command_unload(const struct options *options, int argc, char **argv)
{
	struct links links;
	int lock, err;

	if (argc > 1)
		return usage_error(argv[0], "takes no arguments");
	/* Without a directory there may be filters still: somebody removed it by hand. It is made
	 * again for the lock alone, so that a load at the same time waits. */
	lock = pins_lock(options->pindir, pins_possible(options->pindir));
	if (lock < 0 && lock != -ENOENT)
		return EXIT_FAILED;
	err = links_read(&links);
	if (err) {
		complain("netlink", "%s", strerror(-err));
	} else {
		err = dataplane_unload(options->pindir, &links);
		links_free(&links);
	}
	if (lock >= 0)
		close(lock);
	return err ? EXIT_FAILED : EXIT_DONE;
}
