/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps, and the read-only data that the loader fills in. */
#ifndef MAPS_H
#define MAPS_H

#include <bpf/bpf_helpers.h>

#include <scoutbpf/counters.h>
#include <scoutbpf/names.h>
#include <scoutbpf/policy.h>
#include <scoutbpf/reasons.h>

/*
 * Two entries per connection. Half-open flows have a table of their own, so that a flood of
 * openings evicts nothing but other openings. Both are LRU: the kernel ages them, no process has
 * to be awake. The loader sets the capacity; an LRU hash much smaller than this evicts long
 * before it is full, since each CPU hoards free entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, struct flow);
} MAP_FLOWS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct tuple);
	__type(value, struct flow);
} MAP_HALF_OPEN SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GRANT_COUNT);
	__type(key, __u32);
	__type(value, struct grant);
} MAP_GRANTS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CONTAINERS);
	__type(key, __u32);
	__type(value, struct container);
} MAP_CONTAINERS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_INTERFACES);
	__type(key, __u32);
	__type(value, struct interface);
} MAP_INTERFACES SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} MAP_IF_SLOTS SEC(".maps");

/*
 * The interfaces that packets may be sent to. The kernel takes an interface out of a device map
 * when it is unregistered, before its number can be another's (kernel/bpf/devmap.c,
 * dev_map_notification): a packet for a container that is gone never enters its successor.
 */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, MAX_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} MAP_GUARDED SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * MAX_INTERFACES);
	__type(key, union addr);
	__type(value, __u32);
} MAP_LOCALS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} MAP_SETTINGS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct meta);
} MAP_META SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_REASON_MAX);
	__type(key, __u32);
	__type(value, struct drop_count);
} MAP_DROPS SEC(".maps");

/* Not preallocated: most ports are never used. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, GRANT_COUNT);
	__type(key, __u32);
	__type(value, struct port_count);
} MAP_PORT_COUNTS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOTAL_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} MAP_TOTALS SEC(".maps");

/* Container addresses -> slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CONTAINERS);
	__type(key, union addr);
	__type(value, __u32);
} MAP_CONTAINER_SLOTS SEC(".maps");

/* Where a flow is put together: two entries are more than the stack holds. */
struct draft {
	struct flow original;
	struct flow reply;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct draft);
} MAP_DRAFTS SEC(".maps");

const volatile struct timeouts timeouts;

#endif
