// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps with the kernel's semantics: what an update replaced or a deletion removed is freed at once,
 * as an LRU map may reuse it at once. Who still looks at it is caught by the address sanitizer.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

#include "kernel.h"

#define MAX_MAPS 32

struct entry {
	struct entry *next; /* from the newest to the oldest */
	void *key;
	void *value;
};

struct map {
	const void *identity;
	enum bpf_map_type type;
	__u32 key_size;
	__u32 value_size;
	__u32 capacity;
	__u32 count;
	int updates_left; /* -1: no limit */
	struct entry *entries;
	unsigned char *array; /* its values, where the map is one */
};

static struct map maps[MAX_MAPS];
static __u32 map_count;

static bool is_array(const struct map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static struct map *map_of(const void *identity)
{
	__u32 i;

	for (i = 0; i < map_count; i++)
		if (maps[i].identity == identity)
			return &maps[i];
	assert(!"a map that is not registered");
	return NULL;
}

void map_register(const void *identity, enum bpf_map_type type, __u32 key_size, __u32 value_size,
		  __u32 capacity)
{
	struct map *map = &maps[map_count++];

	assert(map_count <= MAX_MAPS);
	*map = (struct map){
		.identity = identity,
		.type = type,
		.key_size = key_size,
		.value_size = value_size,
		.capacity = capacity,
		.updates_left = -1,
	};
	if (!is_array(map))
		return;
	assert(key_size == sizeof(__u32));
	map->array = calloc(capacity, value_size);
	assert(map->array);
}

void map_refuse_after(const void *identity, int count)
{
	map_of(identity)->updates_left = count;
}

__u32 map_entries(const void *identity)
{
	return map_of(identity)->count;
}

static void entry_remove(struct map *map, struct entry **place)
{
	struct entry *entry = *place;

	*place = entry->next;
	free(entry->key);
	free(entry->value);
	free(entry);
	map->count--;
}

void maps_free(void)
{
	__u32 i;

	for (i = 0; i < map_count; i++) {
		while (maps[i].entries)
			entry_remove(&maps[i], &maps[i].entries);
		free(maps[i].array);
	}
	map_count = 0;
}

static void *copy_of(const void *bytes, __u32 size)
{
	void *copy = malloc(size);

	assert(copy);
	return memcpy(copy, bytes, size);
}

/* The place of KEY's entry; where there is none, the end of the list. */
static struct entry **place_of(struct map *map, const void *key)
{
	struct entry **place = &map->entries;

	while (*place && memcmp((*place)->key, key, map->key_size))
		place = &(*place)->next;
	return place;
}

static void evict_oldest(struct map *map)
{
	struct entry **place = &map->entries;

	while ((*place)->next)
		place = &(*place)->next;
	entry_remove(map, place);
}

static void *array_value(struct map *map, const void *key)
{
	__u32 index = *(const __u32 *)key;

	return index < map->capacity ? map->array + index * map->value_size : NULL;
}

void *bpf_map_lookup_elem(const void *identity, const void *key)
{
	struct map *map = map_of(identity);
	struct entry *entry;

	if (is_array(map))
		return array_value(map, key);
	entry = *place_of(map, key);
	return entry ? entry->value : NULL;
}

static long array_update(struct map *map, const void *key, const void *value, __u64 flags)
{
	void *slot = array_value(map, key);

	if (!slot)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	memmove(slot, value, map->value_size);
	return 0;
}

static long hash_update(struct map *map, const void *key, const void *value, __u64 flags)
{
	struct entry **old = place_of(map, key);
	struct entry *entry;

	if (*old && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!*old && flags == BPF_EXIST)
		return -ENOENT;
	if (!*old && map->count == map->capacity) {
		if (map->type != BPF_MAP_TYPE_LRU_HASH)
			return -E2BIG;
		evict_oldest(map);
		old = place_of(map, key);
	}
	entry = malloc(sizeof(*entry));
	assert(entry);
	entry->key = copy_of(key, map->key_size);
	entry->value = copy_of(value, map->value_size);
	if (*old)
		entry_remove(map, old);
	entry->next = map->entries;
	map->entries = entry;
	map->count++;
	return 0;
}

long bpf_map_update_elem(const void *identity, const void *key, const void *value, __u64 flags)
{
	struct map *map = map_of(identity);

	if (!map->updates_left)
		return -ENOMEM;
	if (map->updates_left > 0)
		map->updates_left--;
	return is_array(map) ? array_update(map, key, value, flags)
			     : hash_update(map, key, value, flags);
}

long bpf_map_delete_elem(const void *identity, const void *key)
{
	struct map *map = map_of(identity);
	struct entry **place;

	if (is_array(map))
		return -EINVAL;
	place = place_of(map, key);
	if (!*place)
		return -ENOENT;
	entry_remove(map, place);
	return 0;
}
