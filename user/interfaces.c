// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "error.h"
#include "interfaces.h"

/* The slot that has NAME, else a free one; -E2BIG where there is none. */
static int slot_for(const struct interface *table, const char *name)
{
	int slot, free_slot = -E2BIG;

	for (slot = 0; slot < MAX_INTERFACES; slot++) {
		if (!strncmp(table[slot].name, name, sizeof(table[slot].name)))
			return slot;
		if (free_slot < 0 && !table[slot].name[0])
			free_slot = slot;
	}
	return free_slot;
}

/* What TABLE, as it was, becomes. Names that are not guarded (any more) keep their slots. */
static int fill_table(struct interface *table, const struct config *config,
		      const struct links *links)
{
	size_t i;
	int slot;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		table[slot].ifindex = 0;
	for (i = 0; i < links->link_count; i++) {
		const struct link *link = &links->links[i];
		enum zone zone = config_role(config, link->name, NULL);

		if (!zone || link->loopback)
			continue;
		slot = slot_for(table, link->name);
		if (slot < 0) {
			complain(link->name, "is one interface too many (unload and load)");
			return slot;
		}
		table[slot] = (struct interface){
			.address = links_source(links, link->ifindex, AF_INET),
			.ifindex = link->ifindex,
			.zone = zone,
			.ethernet = link->ethernet,
		};
		memcpy(table[slot].name, link->name, sizeof(table[slot].name));
	}
	return 0;
}

/* Clears a slot whose interface went, or is another now. */
static void leave_slot(const struct interface_maps *maps, __u32 slot, const struct interface *held,
		       const struct interface *wanted)
{
	if (!held->ifindex || held->ifindex == wanted->ifindex)
		return;
	(void)bpf_map_delete_elem(maps->if_slots, &held->ifindex);
	(void)bpf_map_delete_elem(maps->guarded, &slot);
}

static int enter_slot(const struct interface_maps *maps, __u32 slot, const struct interface *wanted)
{
	if (bpf_map_update_elem(maps->interfaces, &slot, wanted, BPF_ANY))
		return -errno;
	if (!wanted->ifindex)
		return 0;
	if (bpf_map_update_elem(maps->guarded, &slot, &wanted->ifindex, BPF_ANY) ||
	    bpf_map_update_elem(maps->if_slots, &wanted->ifindex, &slot, BPF_ANY))
		return -errno;
	return 0;
}

/* A number may have gone from one name to another: all slots are left before one is entered. */
static int write_table(const struct interface_maps *maps, const struct interface *held,
		       const struct interface *wanted)
{
	__u32 slot;
	int err = 0;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		leave_slot(maps, slot, &held[slot], &wanted[slot]);
	for (slot = 0; !err && slot < MAX_INTERFACES; slot++) {
		err = enter_slot(maps, slot, &wanted[slot]);
		if (err)
			complain(wanted[slot].name, "has no slot: %s", strerror(-err));
	}
	return err;
}

int interfaces_record(const struct interface_maps *maps, const struct config *config,
		      const struct links *links, struct interface *table)
{
	struct interface held[MAX_INTERFACES];
	__u32 slot;
	int err;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		if (bpf_map_lookup_elem(maps->interfaces, &slot, &held[slot])) {
			err = -errno;
			complain("interfaces", "%s", strerror(-err));
			return err;
		}
	memcpy(table, held, sizeof(held));
	err = fill_table(table, config, links);
	return err ?: write_table(maps, held, table);
}
