/* SPDX-License-Identifier: GPL-2.0-only */
/* Port specifications: [tcp/|udp/]PORT[-PORT][:[CONTAINER:]PORT], and durations. */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include <scoutbpf/policy.h>

/* A run of ports that are forwarded alike. All numbers are in host order. */
struct port_spec {
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP; tcp when the text names none */
	__u16 first;
	__u16 last; /* inclusive, not below first */
	bool mapped; /* a target port was written */
	__u16 to_port; /* of the first port, the others follow; equal to first when not mapped */
	char container[NAME_SIZE]; /* empty when the text names none */
};

/*
 * Reads TEXT into *RET, which is untouched on failure. Returns 0 or -EINVAL; then *RET_WHY
 * is a static sentence fit for the user, such as "port 70000 is out of range (1-65535)";
 * the next call overwrites it.
 */
int port_spec_parse(const char *text, struct port_spec *ret, const char **ret_why);

/* Letters, digits, '-', '_' and '.', the first a letter or digit, shorter than NAME_SIZE. */
bool container_name_valid(const char *name);

/* Whether the two share a protocol and a port. */
bool port_spec_overlaps(const struct port_spec *a, const struct port_spec *b);

/* The index in the grants map of PORT (host order) of PROTO. */
__u32 grant_of_port(__u8 proto, __u16 port);

/* "tcp" or "udp", static. */
const char *proto_name(__u8 proto);

/* Reads decimal digits and nothing else. Returns 0, -EINVAL, or -ERANGE above MAX. */
int number_parse(const char *text, __u64 max, __u64 *ret);

/* Reads a duration such as 90s, 30m, 2h or 7d into seconds. Returns 0, -EINVAL or -ERANGE. */
int duration_parse(const char *text, __u64 *ret_seconds);

#endif
