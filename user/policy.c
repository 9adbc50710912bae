// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <scoutbpf/names.h>

#include "address.h"
#include "clock.h"
#include "pins.h"
#include "policy.h"

#define GRANTS_SIZE (GRANT_COUNT * sizeof(struct grant))

int grants_map(int fd, struct grants *ret)
{
	void *slots = mmap(NULL, GRANTS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (slots == MAP_FAILED)
		return -errno;
	ret->slots = slots;
	return 0;
}

int grants_open(const char *pindir, struct grants *ret)
{
	int fd = pins_require(pindir, NAME_OF(MAP_GRANTS));
	int err;

	if (fd < 0)
		return fd;
	err = grants_map(fd, ret);
	close(fd);
	return err;
}

void grants_close(struct grants *grants)
{
	munmap(grants->slots, GRANTS_SIZE);
}

bool grant_open(const struct grant *grant, __u64 boot_ns)
{
	return grant->on && (!grant->expires || boot_ns < grant->expires);
}

static __u32 next_generation(__u32 gen)
{
	return gen + 1 ?: 1;
}

static void store(struct grant *slot, struct grant word)
{
	__atomic_store_n(&slot->word, word.word, __ATOMIC_SEQ_CST);
}

static void store_expiry(struct grant *slot, __u64 expires)
{
	__atomic_store_n(&slot->expires, expires, __ATOMIC_SEQ_CST);
}

/*
 * The two words of a grant cannot change at once. In between the grant is closed, or runs out too
 * early, but never stands longer than both its states say.
 */
void grant_set(struct grant *slot, struct grant wanted)
{
	struct grant next = wanted;

	if (!wanted.on) {
		grant_clear(slot);
		return;
	}
	if (grant_open(slot, boot_time()) && slot->on == wanted.on &&
	    slot->to_port == wanted.to_port && slot->container == wanted.container) {
		if (slot->expires != wanted.expires)
			store_expiry(slot, wanted.expires);
		return;
	}
	grant_clear(slot);
	next.gen = next_generation(slot->gen);
	store_expiry(slot, wanted.expires);
	store(slot, next);
}

void grant_clear(struct grant *slot)
{
	struct grant next = {.gen = next_generation(slot->gen)};

	if (!slot->on)
		return;
	store(slot, next);
	store_expiry(slot, 0);
}

struct grant grant_of_spec(const struct port_spec *spec, __u32 port, int slot)
{
	return (struct grant){
		.on = ZONE_BIT(ZONE_VPN) | ZONE_BIT(ZONE_LAN),
		.container = slot,
		.to_port = spec->to_port + (port - spec->first),
	};
}

/* The grant of every port, as the file has it. On the heap, NULL without memory. */
static struct grant *wanted_ports(const struct config *config)
{
	struct grant *wanted = calloc(GRANT_HOST_CONTROL, sizeof(*wanted));
	size_t i, j;

	for (i = 0; wanted && i < config->container_count; i++) {
		const struct config_container *container = &config->containers[i];

		for (j = 0; j < container->forward_count; j++) {
			const struct port_spec *spec = &container->forwards[j];
			__u32 port;

			for (port = spec->first; port <= spec->last; port++)
				wanted[grant_of_port(spec->proto, port)] =
					grant_of_spec(spec, port, i);
		}
	}
	return wanted;
}

static void apply_grants(struct grants *grants, const struct config *config,
			 const struct grant *wanted)
{
	__u32 i;

	for (i = 0; i < GRANT_HOST_CONTROL; i++)
		grant_set(&grants->slots[i], wanted[i]);
	grant_set(&grants->slots[GRANT_HOST_CONTROL], (struct grant){.on = config->host_control});
	grant_set(&grants->slots[GRANT_LAN], (struct grant){.on = config->lan_access});
	for (i = 0; i < MAX_CONTAINERS; i++)
		grant_set(&grants->slots[GRANT_EGRESS + i],
			  (struct grant){.on = i < config->container_count ? config->egress
									   : EGRESS_NONE});
}

static __u16 slot_of_index(const struct interface *interfaces, __u32 ifindex)
{
	__u16 slot;

	for (slot = 0; slot < MAX_INTERFACES; slot++)
		if (interfaces[slot].ifindex == ifindex)
			return slot;
	return NO_SLOT;
}

static struct container container_slot(const struct config_container *wanted,
				       const struct links *links,
				       const struct interface *interfaces)
{
	const struct link *link = links_by_name(links, wanted->ifname);
	struct container container = {.used = 1, .address = wanted->address};

	memcpy(container.ifname, wanted->ifname, sizeof(container.ifname));
	memcpy(container.name, wanted->name, sizeof(container.name));
	if (!link)
		return container;
	container.ifindex = link->ifindex;
	container.if_slot = slot_of_index(interfaces, link->ifindex);
	container.peer = link->peer_elsewhere && link->carrier;
	return container;
}

/* A slot that changes its address is another container: the old one's flows are cut. */
static int leave_slot(const struct policy_maps *maps, struct grants *grants, __u32 slot,
		      const struct container *wanted)
{
	struct container held = {};
	__u32 i;

	if (bpf_map_lookup_elem(maps->containers, &slot, &held))
		return -errno;
	if (!held.used || !memcmp(&held.address, &wanted->address, sizeof(held.address)))
		return 0;
	for (i = 0; i < GRANT_HOST_CONTROL; i++)
		if (grants->slots[i].container == slot)
			grant_clear(&grants->slots[i]);
	grant_clear(&grants->slots[GRANT_EGRESS + slot]);
	return bpf_map_delete_elem(maps->slots, &held.address) && errno != ENOENT ? -errno : 0;
}

static int enter_slot(const struct policy_maps *maps, __u32 slot, const struct container *wanted)
{
	if (bpf_map_update_elem(maps->containers, &slot, wanted, BPF_ANY))
		return -errno;
	if (wanted->used && bpf_map_update_elem(maps->slots, &wanted->address, &slot, BPF_ANY))
		return -errno;
	return 0;
}

/* Addresses may move between slots: all are left before the first is entered. */
static int apply_containers(const struct policy_maps *maps, struct grants *grants,
			    const struct config *config, const struct links *links,
			    const struct interface *interfaces)
{
	struct container wanted[MAX_CONTAINERS] = {};
	__u32 slot;
	int err = 0;

	for (slot = 0; slot < config->container_count; slot++)
		wanted[slot] = container_slot(&config->containers[slot], links, interfaces);
	for (slot = 0; !err && slot < MAX_CONTAINERS; slot++)
		err = leave_slot(maps, grants, slot, &wanted[slot]);
	for (slot = 0; !err && slot < MAX_CONTAINERS; slot++)
		err = enter_slot(maps, slot, &wanted[slot]);
	return err;
}

static int clear_map(int fd, void *key)
{
	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key) && errno != ENOENT)
			return -errno;
	return 0;
}

static int add_local(int fd, const union addr *address, __u32 holder)
{
	__u32 held;

	if (!bpf_map_lookup_elem(fd, address, &held) && held != holder)
		holder = LOCAL_ANYWHERE;
	return bpf_map_update_elem(fd, address, &holder, BPF_ANY) ? -errno : 0;
}

/* A network's own address and its broadcast address are the host's for the routing table. */
static int add_network(int fd, const struct link_address *address)
{
	__u32 host = ntohl(address->address.words[3]);
	__u32 mask = address->prefix ? ~0U << (32 - address->prefix) : 0;
	union addr low = addr_from_v4(htonl(host & mask));
	union addr high = addr_from_v4(htonl(host | ~mask));
	int err;

	if (address->family != AF_INET || address->prefix > 30)
		return 0;
	err = add_local(fd, &low, LOCAL_NOWHERE);
	return err ?: add_local(fd, &high, LOCAL_NOWHERE);
}

/* What the data path does not find in the meantime, it asks of the routing table alone. */
static int apply_locals(int fd, const struct links *links)
{
	union addr key;
	size_t i;
	int err = clear_map(fd, &key);

	for (i = 0; !err && i < links->address_count; i++) {
		const struct link_address *address = &links->addresses[i];

		err = add_network(fd, address);
		if (!err)
			err = add_local(fd, &address->address, address->ifindex);
	}
	return err;
}

/* The host's own ports, of net.ipv4.ip_local_port_range, or what that is unless somebody says. */
static void local_port_range(unsigned long *low, unsigned long *high)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	char line[32], *rest = line;

	*low = 32768;
	*high = 60999;
	if (!file)
		return;
	if (fgets(line, sizeof(line), file)) {
		*low = strtoul(rest, &rest, 10);
		*high = strtoul(rest, NULL, 10);
	}
	fclose(file);
}

/*
 * Ports that the host's own sockets do not take by themselves: the wider of the two gaps
 * beside their range, without the low ports that services listen on.
 */
static void masquerade_range(struct settings *settings)
{
	const unsigned long floor = 16384;
	unsigned long low, high;

	local_port_range(&low, &high);
	/* Where the host takes them all, ours are told apart by the flow table alone. */
	settings->masquerade_low = floor;
	settings->masquerade_high = 65535;
	if (low > floor && low - floor >= 65535 - high)
		settings->masquerade_high = low - 1;
	else if (high < 65535)
		settings->masquerade_low = high + 1;
}

int policy_apply(const struct policy_maps *maps, const struct config *config,
		 const struct links *links, const struct interface *interfaces, bool route_source)
{
	struct settings settings = {
		.host_control_port = config->host_control_port,
		.icmp_echo = config->icmp_echo,
		.route_source = route_source,
	};
	struct grant *wanted = wanted_ports(config);
	struct grants grants = {};
	__u32 zero = 0;
	int err;

	if (!wanted)
		return -ENOMEM;
	masquerade_range(&settings);
	err = grants_map(maps->grants, &grants);
	if (err)
		goto out;
	err = apply_containers(maps, &grants, config, links, interfaces);
	if (!err)
		err = apply_locals(maps->locals, links);
	if (!err && bpf_map_update_elem(maps->setup, &zero, &settings, BPF_ANY))
		err = -errno;
	if (!err)
		apply_grants(&grants, config, wanted);
	grants_close(&grants);
out:
	free(wanted);
	return err;
}
