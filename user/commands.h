/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands. Each has a file of its own. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

struct options {
	const char *config;
	const char *pindir;
	bool json;
};

/* Exit statuses. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* one line was printed */
	EXIT_USAGE = 2, /* the command line is wrong; said so */
};

/*
 * A command gets its own words: argv[0] is the last word of its name. It returns an exit status
 * and prints its own errors.
 */
typedef int command_fn(const struct options *options, int argc, char **argv);

command_fn command_load;
command_fn command_unload;
command_fn command_status;
command_fn command_check;
command_fn command_map_show;
command_fn command_map_port_add;
command_fn command_map_port_del;
command_fn command_map_lan;
command_fn command_map_host_control;
command_fn command_flows;

/* Says that the words of COMMAND are wrong, and returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
