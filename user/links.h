/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfaces and addresses of this network namespace, by rtnetlink (libmnl). */
#ifndef LINKS_H
#define LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include <scoutbpf/policy.h>

struct link {
	__u32 ifindex;
	char name[IFNAME_SIZE];
	char kind[16]; /* IFLA_INFO_KIND: "veth", "bridge", "tun", "wireguard", ...; may be empty */
	bool loopback;
	bool ethernet; /* ARPHRD_ETHER; else packets are bare IP */
	bool up; /* IFF_UP */
	bool carrier; /* IFF_LOWER_UP: of a veth, both ends are up */
	bool peer_elsewhere; /* a veth whose other end is in another namespace */
};

struct link_address {
	__u32 ifindex;
	union addr address; /* IFA_LOCAL, which is IFA_ADDRESS where there is none */
	__u8 family; /* AF_INET or AF_INET6 */
	__u8 prefix; /* length */
	bool global; /* RT_SCOPE_UNIVERSE */
	bool secondary; /* IFA_F_SECONDARY */
	bool deprecated; /* IFA_F_DEPRECATED or still tentative */
};

/* A snapshot. Both arrays are on the heap. */
struct links {
	struct link *links;
	size_t link_count;
	struct link_address *addresses;
	size_t address_count;
};

/* Reads the kernel's tables into *RET. Returns 0 or a negative errno, *RET untouched. */
int links_read(struct links *ret);

/* Takes NULL and what links_read() filled. */
void links_free(struct links *links);

/* NULL where there is no such interface. The result belongs to LINKS. */
const struct link *links_by_name(const struct links *links, const char *name);
const struct link *links_by_index(const struct links *links, __u32 ifindex);

/*
 * The address that IFINDEX's outbound flows are masqueraded with: its first usable global one of
 * FAMILY, all zero where there is none.
 */
union addr links_source(const struct links *links, __u32 ifindex, __u8 family);

/* The loopback interface's index, the same in every namespace. */
#define LINKS_LOOPBACK 1

/*
 * Whether IPv4 packets that come in by IFINDEX are forwarded (net.ipv4.conf.*.forwarding), and
 * setting it. By netlink, since /proc/sys may be read-only for a confined service. Returns 0 or a
 * negative errno, *RET untouched.
 */
int links_forwarding(__u32 ifindex, bool *ret);
int links_set_forwarding(__u32 ifindex, bool on);

#endif
