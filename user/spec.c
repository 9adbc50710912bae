// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "spec.h"

/* The longest valid text fits: a protocol, three ports, a container's name. */
#define SPEC_SIZE 96

/* A deadline is kept in nanoseconds of 64 bits: 136 years leave room for the uptime. */
#define DURATION_MAX UINT32_MAX

int number_parse(const char *text, __u64 max, __u64 *ret)
{
	__u64 number = 0;

	if (!*text)
		return -EINVAL;
	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	for (; *text; text++) {
		__u64 digit = *text - '0';

		if (digit > max || number > (max - digit) / 10)
			return -ERANGE;
		number = number * 10 + digit;
	}
	*ret = number;
	return 0;
}

bool container_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length >= NAME_SIZE || !isalnum((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static int refuse(const char **ret_why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const char **ret_why, const char *format, ...)
{
	static char why[2 * SPEC_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	*ret_why = why;
	return -EINVAL;
}

static int parse_port(const char *text, __u16 *ret, const char **ret_why)
{
	__u64 port;
	int err = number_parse(text, UINT16_MAX, &port);

	if (!*text)
		return refuse(ret_why, "a port is missing");
	if (err == -EINVAL)
		return refuse(ret_why, "port %s is not a number", text);
	if (err || !port)
		return refuse(ret_why, "port %s is out of range (1-65535)", text);
	*ret = port;
	return 0;
}

/* PORT[-PORT] */
static int parse_range(char *text, struct port_spec *spec, const char **ret_why)
{
	char *dash = strchr(text, '-');
	int err;

	if (dash)
		*dash = 0;
	err = parse_port(text, &spec->first, ret_why);
	if (err)
		return err;
	spec->last = spec->first;
	if (dash)
		err = parse_port(dash + 1, &spec->last, ret_why);
	if (err)
		return err;
	if (spec->last < spec->first)
		return refuse(ret_why, "range %u-%u runs backwards", spec->first, spec->last);
	return 0;
}

/* [CONTAINER:]PORT; TEXT is NULL where none is written. */
static int parse_target(char *text, struct port_spec *spec, const char **ret_why)
{
	char *colon = text ? strchr(text, ':') : NULL;
	__u32 last;
	int err;

	spec->to_port = spec->first;
	if (!text)
		return 0;
	if (colon) {
		*colon = 0;
		if (!container_name_valid(text))
			return refuse(ret_why, "\"%s\" is not a container's name", text);
		strcpy(spec->container, text);
		text = colon + 1;
	}
	err = parse_port(text, &spec->to_port, ret_why);
	if (err)
		return err;
	last = spec->to_port + (__u32)(spec->last - spec->first);
	if (last > UINT16_MAX)
		return refuse(ret_why, "target range %u-%u runs past 65535", spec->to_port, last);
	spec->mapped = true;
	return 0;
}

static int parse_proto(const char *text, __u8 *ret, const char **ret_why)
{
	if (!strcmp(text, "tcp"))
		*ret = IPPROTO_TCP;
	else if (!strcmp(text, "udp"))
		*ret = IPPROTO_UDP;
	else
		return refuse(ret_why, "protocol \"%s\" is not tcp or udp", text);
	return 0;
}

int port_spec_parse(const char *text, struct port_spec *ret, const char **ret_why)
{
	struct port_spec spec = {.proto = IPPROTO_TCP};
	char copy[SPEC_SIZE], *ports = copy, *slash, *colon;
	int err = 0;

	if (strchr(text, ','))
		return refuse(ret_why, "ports are separated by blanks, not by commas");
	if (strlen(text) >= sizeof(copy))
		return refuse(ret_why, "%.20s... is too long for a port", text);
	strcpy(copy, text);

	slash = strchr(ports, '/');
	if (slash) {
		*slash = 0;
		err = parse_proto(copy, &spec.proto, ret_why);
		ports = slash + 1;
	}
	colon = strchr(ports, ':');
	if (colon)
		*colon = 0;
	if (!err)
		err = parse_range(ports, &spec, ret_why);
	if (!err)
		err = parse_target(colon ? colon + 1 : NULL, &spec, ret_why);
	if (!err)
		*ret = spec;
	return err;
}

bool port_spec_overlaps(const struct port_spec *a, const struct port_spec *b)
{
	return a->proto == b->proto && a->first <= b->last && b->first <= a->last;
}

__u32 grant_of_port(__u8 proto, __u16 port)
{
	return (proto == IPPROTO_UDP ? GRANT_UDP : GRANT_TCP) + port;
}

const char *proto_name(__u8 proto)
{
	return proto == IPPROTO_UDP ? "udp" : "tcp";
}

int duration_parse(const char *text, __u64 *ret_seconds)
{
	static const char units[] = "smhd";
	static const __u32 seconds[] = {1, 60, 3600, 86400};
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
	char number[32];
	__u64 count;
	int err;

	if (!unit || text[digits + 1])
		return -EINVAL;
	if (digits >= sizeof(number))
		return -ERANGE;
	memcpy(number, text, digits);
	number[digits] = 0;
	err = number_parse(number, DURATION_MAX / seconds[unit - units], &count);
	if (err)
		return err;
	if (!count)
		return -EINVAL;
	*ret_seconds = count * seconds[unit - units];
	return 0;
}
