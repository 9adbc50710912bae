// SPDX-License-Identifier: GPL-2.0-only
/* The switches: what the owner opens and closes while the gateway runs. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "clock.h"
#include "commands.h"
#include "error.h"
#include "gateway.h"
#include "spec.h"

/* Reads an optional --for; *RET_EXPIRES is a moment of CLOCK_BOOTTIME, 0 for never. */
static int parse_for(const char *command, int argc, char **argv, __u64 *ret_expires)
{
	static const struct option long_options[] = {{"for", required_argument, NULL, 'f'}, {}};
	__u64 seconds;
	int option;

	*ret_expires = 0;
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option != 'f')
			return usage_error(command, "%s: no such option, or its value is missing",
					   argv[optind - 1]);
		if (duration_parse(optarg, &seconds))
			return usage_error(command, "%s: not a duration such as 90s, 30m or 2h",
					   optarg);
		*ret_expires = boot_time() + seconds * 1000000000ULL;
	}
	return EXIT_DONE;
}

/* The slot of the container that SPEC names, the first without a name; -ENOENT for none. */
static int slot_of(const struct gateway *gateway, const struct port_spec *spec)
{
	int slot;

	if (!spec->container[0])
		return gateway->containers[0].used ? 0 : -ENOENT;
	for (slot = 0; slot < MAX_CONTAINERS; slot++)
		if (gateway->containers[slot].used &&
		    !strcmp(gateway->containers[slot].name, spec->container))
			return slot;
	return -ENOENT;
}

static bool same_target(const struct grant *a, const struct grant *b)
{
	return a->container == b->container && a->to_port == b->to_port;
}

/* Inside a range, the host-control port stays the host's. */
static bool is_reserved(const struct gateway *gateway, const struct port_spec *spec, __u32 port)
{
	return spec->proto == IPPROTO_TCP && port == gateway->settings.host_control_port;
}

/* Everything that can be refused is refused here, before the first change. */
static int check_add(const struct gateway *gateway, const struct port_spec *spec, const char *text)
{
	int slot = slot_of(gateway, spec);
	__u64 now = boot_time();
	__u32 port;

	if (slot < 0) {
		complain(text, "no such container");
		return slot;
	}
	if (spec->first == spec->last && is_reserved(gateway, spec, spec->first)) {
		complain(text, "is the host-control port");
		return -EADDRINUSE;
	}
	for (port = spec->first; port <= spec->last; port++) {
		const struct grant *held = &gateway->grants.slots[grant_of_port(spec->proto, port)];
		struct grant wanted = grant_of_spec(spec, port, slot);

		if (grant_open(held, now) && !same_target(held, &wanted)) {
			complain(text, "%s/%u is forwarded elsewhere (delete it first)",
				 proto_name(spec->proto), port);
			return -EADDRINUSE;
		}
	}
	return 0;
}

static int check_overlap(const struct port_spec *specs, int count, char **texts)
{
	int i, j;

	for (i = 1; i < count; i++)
		for (j = 0; j < i; j++)
			if (port_spec_overlaps(&specs[i], &specs[j])) {
				complain(texts[i], "overlaps with %s", texts[j]);
				return -EINVAL;
			}
	return 0;
}

static int apply_add(const struct gateway *gateway, const struct port_spec *spec, __u64 expires)
{
	int slot = slot_of(gateway, spec);
	__u32 port;

	for (port = spec->first; port <= spec->last; port++) {
		struct grant wanted = grant_of_spec(spec, port, slot);

		wanted.expires = expires;
		if (!is_reserved(gateway, spec, port))
			grant_set(&gateway->grants.slots[grant_of_port(spec->proto, port)], wanted);
	}
	return 0;
}

/* Whether the grant is what SPEC says, as far as it says anything. */
static bool matches(const struct gateway *gateway, const struct port_spec *spec, __u32 port)
{
	const struct grant *held = &gateway->grants.slots[grant_of_port(spec->proto, port)];

	if (!grant_open(held, boot_time()))
		return false;
	if (spec->mapped && held->to_port != spec->to_port + (port - spec->first))
		return false;
	return !spec->container[0] || held->container == slot_of(gateway, spec);
}

/* A typing error must not look like a revocation. */
static int check_del(const struct gateway *gateway, const struct port_spec *spec, const char *text)
{
	__u32 port;

	for (port = spec->first; port <= spec->last; port++)
		if (matches(gateway, spec, port))
			return 0;
	complain(text, "is not forwarded");
	return -ENOENT;
}

static int apply_del(const struct gateway *gateway, const struct port_spec *spec)
{
	__u32 port;

	for (port = spec->first; port <= spec->last; port++)
		if (matches(gateway, spec, port))
			grant_clear(&gateway->grants.slots[grant_of_port(spec->proto, port)]);
	return 0;
}

/* On the heap; NULL after a line on stderr, *RET_STATUS the exit status. */
static struct port_spec *parse_specs(const char *command, int count, char **texts, int *ret_status)
{
	struct port_spec *specs = calloc(count, sizeof(*specs));
	const char *why;
	int i;

	*ret_status = EXIT_FAILED;
	if (!specs)
		complain(command, "%s", strerror(ENOMEM));
	for (i = 0; specs && i < count; i++) {
		if (!port_spec_parse(texts[i], &specs[i], &why))
			continue;
		*ret_status = usage_error(texts[i], "%s", why);
		free(specs);
		specs = NULL;
	}
	return specs;
}

static int change_ports(const struct options *options, const char *command, int count, char **texts,
			bool add, __u64 expires)
{
	struct gateway gateway;
	struct port_spec *specs;
	int status, i, err = 0;

	if (count < 1)
		return usage_error(command, "a port is missing");
	specs = parse_specs(command, count, texts, &status);
	if (!specs)
		return status;
	if (gateway_open(options->pindir, true, &gateway)) {
		free(specs);
		return EXIT_FAILED;
	}
	err = add ? check_overlap(specs, count, texts) : 0;
	for (i = 0; i < count && !err; i++)
		err = add ? check_add(&gateway, &specs[i], texts[i])
			  : check_del(&gateway, &specs[i], texts[i]);
	for (i = 0; i < count && !err; i++)
		err = add ? apply_add(&gateway, &specs[i], expires)
			  : apply_del(&gateway, &specs[i]);
	gateway_close(&gateway);
	free(specs);
	return err ? EXIT_FAILED : EXIT_DONE;
}

int command_map_port_add(const struct options *options, int argc, char **argv)
{
	__u64 expires;
	int status = parse_for("map port add", argc, argv, &expires);

	if (status)
		return status;
	return change_ports(options, "map port add", argc - optind, argv + optind, true, expires);
}

int command_map_port_del(const struct options *options, int argc, char **argv)
{
	return change_ports(options, "map port del", argc - 1, argv + 1, false, 0);
}

static int change_switch(const struct options *options, const char *command, __u32 grant, int argc,
			 char **argv)
{
	struct gateway gateway;
	__u64 expires;
	int status = parse_for(command, argc, argv, &expires);
	bool on;

	if (status)
		return status;
	if (argc - optind != 1 || (strcmp(argv[optind], "on") && strcmp(argv[optind], "off")))
		return usage_error(command, "say on or off");
	on = !strcmp(argv[optind], "on");
	if (!on && expires)
		return usage_error(command, "--for goes with on");
	if (gateway_open(options->pindir, true, &gateway))
		return EXIT_FAILED;
	grant_set(&gateway.grants.slots[grant], (struct grant){.on = on, .expires = expires});
	gateway_close(&gateway);
	return EXIT_DONE;
}

int command_map_lan(const struct options *options, int argc, char **argv)
{
	return change_switch(options, "map lan", GRANT_LAN, argc, argv);
}

int command_map_host_control(const struct options *options, int argc, char **argv)
{
	return change_switch(options, "map host-control", GRANT_HOST_CONTROL, argc, argv);
}
