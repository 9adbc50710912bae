/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration file, read and validated. It touches nothing but the file. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <scoutbpf/policy.h>

#include "spec.h"

#define DEFAULT_CONFIG "/etc/scoutbpf/scoutbpf.conf"
#define DEFAULT_FLOWS 32768

/* A list of words; the list and each word are on the heap. */
struct words {
	char **items;
	size_t count;
};

struct config_container {
	char name[NAME_SIZE]; /* empty for the unnamed [container] */
	char ifname[IFNAME_SIZE];
	union addr address; /* IPv4-mapped */
	struct port_spec *forwards; /* .container is empty: the section says it */
	size_t forward_count;
	int line; /* of the section's header, for messages */
};

struct config {
	struct words vpn; /* interface names or globs (fnmatch) */
	struct words lan;
	__u16 host_control_port; /* host order */
	bool lan_access;
	bool host_control;
	bool icmp_echo; /* icmp-echo = on: the host answers pings from vpn and lan */
	enum egress egress;
	enum hook hook; /* hook = auto | tcx | clsact; 0 for auto */
	__u32 flows; /* flows = N: capacity of the flow table, connections */
	struct config_container *containers; /* in the order of the file: the slot is the index */
	size_t container_count;
};

/*
 * Reads the file PATH ("-": standard input). On success the caller owns *RET and gives it back to
 * config_free(); on failure *RET is untouched, one line was printed
 * ("scoutbpf: PATH:LINE: KEY: what is wrong") and a negative errno is returned.
 */
int config_read(const char *path, struct config *ret);

/* Takes NULL and what config_read() filled. */
void config_free(struct config *config);

/*
 * The role of the interface NAME: a container's interface, else a literal name in vpn or lan,
 * else a glob of vpn, else a glob of lan; 0 for none. The loopback interface has no role.
 * *RET_SLOT is the container's slot when the role is ZONE_CONTAINER; may be NULL.
 */
enum zone config_role(const struct config *config, const char *name, size_t *ret_slot);

#endif
