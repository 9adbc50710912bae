/* SPDX-License-Identifier: GPL-2.0-only */
/* A gateway's state, for a program that has included the data path's headers. */
#ifndef NATIVE_WORLD_H
#define NATIVE_WORLD_H

#include "kernel.h"
#include "maps.h"

#define HZ 250
#define HOST_CONTROL_PORT 23
#define MASQUERADE_LOW 40000
#define MASQUERADE_HIGH 40015

/* What the loader puts there: completes the tentative definition of maps.h. */
const volatile struct timeouts timeouts = {
	.tcp_half_open = TCP_HALF_OPEN_SECONDS * HZ,
	.tcp_established = TCP_ESTABLISHED_SECONDS * HZ,
	.tcp_closing = TCP_CLOSING_SECONDS * HZ,
	.udp = UDP_SECONDS * HZ,
	.icmp = ICMP_SECONDS * HZ,
};

static inline void settings_set(struct settings settings)
{
	__u32 zero = 0;

	bpf_map_update_elem(&MAP_SETTINGS, &zero, &settings, BPF_ANY);
}

/* Nothing granted, no flow. A cmocka setup function. */
static inline int world_reset(void **state)
{
	(void)state;
	kernel_reset();
	MAP_REGISTER(MAP_FLOWS);
	MAP_REGISTER(MAP_HALF_OPEN);
	MAP_REGISTER(MAP_GRANTS);
	MAP_REGISTER(MAP_CONTAINERS);
	MAP_REGISTER(MAP_CONTAINER_SLOTS);
	MAP_REGISTER(MAP_INTERFACES);
	MAP_REGISTER(MAP_IF_SLOTS);
	MAP_REGISTER(MAP_LOCALS);
	MAP_REGISTER(MAP_SETTINGS);
	MAP_REGISTER(MAP_DROPS);
	MAP_REGISTER(MAP_PORT_COUNTS);
	MAP_REGISTER(MAP_TOTALS);
	MAP_REGISTER(MAP_DRAFTS);
	settings_set((struct settings){
		.host_control_port = HOST_CONTROL_PORT,
		.masquerade_low = MASQUERADE_LOW,
		.masquerade_high = MASQUERADE_HIGH,
		.icmp_echo = 1,
	});
	return 0;
}

static inline int world_free(void **state)
{
	(void)state;
	maps_free();
	return 0;
}

static inline void grant_set(__u32 index, struct grant grant)
{
	bpf_map_update_elem(&MAP_GRANTS, &index, &grant, BPF_ANY);
}

static inline __u64 total(enum total which)
{
	__u32 index = which;

	return *(__u64 *)bpf_map_lookup_elem(&MAP_TOTALS, &index);
}

/* A test between an empty world and its end. */
#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_reset, world_free)

static inline union addr addr4(__u8 a, __u8 b, __u8 c, __u8 d)
{
	return (union addr){.bytes = {[10] = 0xff, [11] = 0xff, a, b, c, d}};
}

#endif
