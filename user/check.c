// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "commands.h"
#include "config.h"

int command_check(const struct options *options, int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : options->config;
	struct config config;

	if (argc > 2)
		return usage_error(argv[0], "takes one file");
	if (config_read(path, &config))
		return EXIT_FAILED;
	config_free(&config);
	return EXIT_DONE;
}
