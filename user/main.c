// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "commands.h"
#include "config.h"
#include "pins.h"

#define MAX_WORDS 3

/* The one table of commands: dispatch, help. */
static const struct command {
	const char *words[MAX_WORDS];
	const char *arguments;
	const char *help;
	command_fn *run;
} commands[] = {
	{{"load"}, "", "make the kernel match the configuration file", command_load},
	{{"unload"}, "", "remove everything that is ours", command_unload},
	{{"status"}, "", "what is guarded, what is exposed, what is wrong", command_status},
	{{"check"}, "[FILE]", "validate a configuration file", command_check},
	{{"map", "show"}, "", "the forwarded ports and the switches", command_map_show},
	{{"map", "port", "add"}, "[--for DURATION] SPEC...", "forward ports", command_map_port_add},
	{{"map", "port", "del"}, "SPEC...", "stop forwarding ports", command_map_port_del},
	{{"map", "lan"}, "on [--for DURATION] | off", "LAN access", command_map_lan},
	{{"map", "host-control"},
	 "on [--for DURATION] | off",
	 "access to the host itself",
	 command_map_host_control},
	{{"flows"}, "", "the connections that are known", command_flows},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void command_name(const struct command *command, char *buffer, size_t size)
{
	size_t used = 0;
	int i;

	buffer[0] = 0;
	for (i = 0; i < MAX_WORDS && command->words[i]; i++) {
		int length = snprintf(buffer + used, size - used, "%s%s", i ? " " : "",
				      command->words[i]);

		if (length < 0 || (size_t)length >= size - used)
			return;
		used += length;
	}
}

static void print_help(void)
{
	char name[64], synopsis[128];
	size_t i;

	printf("usage: scoutbpf [-c FILE] [-p PINDIR] [-j] COMMAND ...\n\n");
	for (i = 0; i < COMMAND_COUNT; i++) {
		command_name(&commands[i], name, sizeof(name));
		snprintf(synopsis, sizeof(synopsis), "%s%s%s", name,
			 commands[i].arguments[0] ? " " : "", commands[i].arguments);
		printf("  %-*s  %s\n", 44, synopsis, commands[i].help);
	}
	printf("\nSPEC is [tcp/|udp/]PORT[-PORT][:[CONTAINER:]PORT], DURATION such as 90s, 30m, "
	       "2h.\n"
	       "\n"
	       "  -c, --config FILE    the configuration file (%s)\n"
	       "  -p, --pins PINDIR    where the maps are pinned (%s)\n"
	       "  -j, --json           print JSON\n"
	       "      --help           print this\n"
	       "      --version        print the version\n"
	       "\n"
	       "exit status: 0 done, 1 failed, 2 the command line is wrong\n",
	       DEFAULT_CONFIG, DEFAULT_PINDIR);
}

int usage_error(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "scoutbpf: %s%s", command, command[0] ? ": " : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (see scoutbpf --help)\n");
	return EXIT_USAGE;
}

/* How many of the words the command's name takes, 0 where it is another command. */
static int match(const struct command *command, int argc, char **argv)
{
	int i;

	for (i = 0; i < MAX_WORDS && command->words[i]; i++)
		if (i >= argc || strcmp(argv[i], command->words[i]) != 0)
			return 0;
	return i;
}

static int dispatch(const struct options *options, int argc, char **argv)
{
	size_t i;

	if (!strcmp(argv[argc - 1], "--help")) {
		print_help();
		return EXIT_DONE;
	}
	for (i = 0; i < COMMAND_COUNT; i++) {
		int words = match(&commands[i], argc, argv);

		if (words)
			return commands[i].run(options, argc - words + 1, argv + words - 1);
	}
	for (i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(argv[0], commands[i].words[0]))
			return usage_error(argv[0], "the command is not complete, or misspelt");
	return usage_error(argv[0], "no such command");
}

/* The library's own words are about its insides; each failure is told by who knows the object. */
static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'}, {"pins", required_argument, NULL, 'p'},
		{"json", no_argument, NULL, 'j'},	  {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	  {}};
	struct options options = {.config = DEFAULT_CONFIG, .pindir = DEFAULT_PINDIR};
	int option;

	/* "+": the options behind the command are the command's. */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+c:p:jh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.config = optarg;
			break;
		case 'p':
			options.pindir = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'h':
			print_help();
			return EXIT_DONE;
		case 'V':
			printf("scoutbpf %s\n", VERSION);
			return EXIT_DONE;
		default:
			return usage_error(argv[optind - 1],
					   "no such option, or its value is missing");
		}
	}
	if (optind == argc)
		return usage_error("", "a command is missing");
	(void)libbpf_set_print(be_silent);
	return dispatch(&options, argc - optind, argv + optind);
}
