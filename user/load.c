// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "config.h"
#include "dataplane.h"
#include "error.h"
#include "links.h"
#include "pins.h"

int command_load(const struct options *options, int argc, char **argv)
{
	struct config config;
	struct links links;
	int lock, err;

	if (argc > 1)
		return usage_error(argv[0], "takes no arguments");
	if (config_read(options->config, &config))
		return EXIT_FAILED;
	lock = pins_lock(options->pindir, true);
	if (lock < 0) {
		config_free(&config);
		return EXIT_FAILED;
	}
	err = links_read(&links);
	if (err) {
		complain("netlink", "%s", strerror(-err));
	} else {
		err = dataplane_load(options->pindir, &config, &links);
		links_free(&links);
	}
	close(lock);
	config_free(&config);
	return err ? EXIT_FAILED : EXIT_DONE;
}
