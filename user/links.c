// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "address.h"
#include "links.h"

/* A dump that the kernel's tables changed under is taken again, this often. */
#define ATTEMPTS 8

/* The kernel packs a dump by the size of the reader's buffer, up to this. */
#define DUMP_SIZE 32768

/* Room for a request about one interface. */
#define REQUEST_SIZE 256

/* strncpy() that always terminates; the kernel's names fit. */
static void copy_name(char *to, size_t size, const struct nlattr *attr)
{
	size_t length = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (length >= size)
		length = size - 1;
	memcpy(to, mnl_attr_get_payload(attr), length);
}

static void read_linkinfo(const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_name(link->kind, sizeof(link->kind), attr);
	}
}

static struct link *append_link(struct links *links)
{
	struct link *grown = reallocarray(links->links, links->link_count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	links->links = grown;
	grown += links->link_count++;
	*grown = (struct link){};
	return grown;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	struct links *links = data;
	struct link *link;
	bool other_netns = false;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	link = append_link(links);
	if (!link)
		return MNL_CB_ERROR;
	link->ifindex = header->ifi_index;
	link->loopback = header->ifi_flags & IFF_LOOPBACK;
	link->ethernet = header->ifi_type == ARPHRD_ETHER;
	link->up = header->ifi_flags & IFF_UP;
	link->carrier = header->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each (attr, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			copy_name(link->name, sizeof(link->name), attr);
			break;
		case IFLA_LINKINFO:
			read_linkinfo(attr, link);
			break;
		case IFLA_LINK_NETNSID:
			other_netns = true;
			break;
		}
	}
	link->peer_elsewhere = other_netns && !strcmp(link->kind, "veth");
	return MNL_CB_OK;
}

static struct link_address *append_address(struct links *links)
{
	struct link_address *grown =
		reallocarray(links->addresses, links->address_count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	links->addresses = grown;
	grown += links->address_count++;
	*grown = (struct link_address){};
	return grown;
}

static void read_address(const struct nlattr *attr, struct link_address *address)
{
	__be32 v4;

	if (address->family == AF_INET && mnl_attr_get_payload_len(attr) == sizeof(v4)) {
		memcpy(&v4, mnl_attr_get_payload(attr), sizeof(v4));
		address->address = addr_from_v4(v4);
	} else if (mnl_attr_get_payload_len(attr) == sizeof(address->address)) {
		memcpy(&address->address, mnl_attr_get_payload(attr), sizeof(address->address));
	}
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *own = NULL;
	struct links *links = data;
	struct link_address *address;
	__u32 flags = header->ifa_flags;

	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return MNL_CB_OK;
	address = append_address(links);
	if (!address)
		return MNL_CB_ERROR;
	address->ifindex = header->ifa_index;
	address->family = header->ifa_family;
	address->prefix = header->ifa_prefixlen;
	address->global = header->ifa_scope == RT_SCOPE_UNIVERSE;
	mnl_attr_for_each (attr, message, sizeof(*header)) {
		__u16 type = mnl_attr_get_type(attr);

		/* On a point-to-point link IFA_ADDRESS is the other end. */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !own))
			own = attr;
		else if (type == IFA_FLAGS)
			flags = mnl_attr_get_u32(attr);
	}
	if (own)
		read_address(own, address);
	address->secondary = flags & IFA_F_SECONDARY;
	address->deprecated = flags & (IFA_F_DEPRECATED | IFA_F_TENTATIVE);
	return MNL_CB_OK;
}

static int receive(struct mnl_socket *socket, __u32 seq, mnl_cb_t take, void *data)
{
	_Alignas(struct nlmsghdr) char buffer[DUMP_SIZE];
	unsigned int port = mnl_socket_get_portid(socket);
	int state = MNL_CB_OK;

	while (state > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		state = mnl_cb_run(buffer, length, seq, port, take, data);
	}
	return state < 0 ? -errno : 0;
}

/* Sends REQUEST and gives every answer to TAKE, until the kernel says that it was the last. */
static int exchange(struct nlmsghdr *request, mnl_cb_t take, void *data)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err = 0;

	if (!socket)
		return -errno;
	request->nlmsg_seq = 1;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		err = -errno;
	if (!err)
		err = receive(socket, request->nlmsg_seq, take, data);
	mnl_socket_close(socket);
	return err;
}

static int dump(__u16 type, size_t header_size, mnl_cb_t take, struct links *links)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct ifinfomsg))];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, header_size); /* all zero: everything */
	return exchange(request, take, links);
}

static int read_once(struct links *links)
{
	int err = dump(RTM_GETLINK, sizeof(struct ifinfomsg), take_link, links);

	return err ? err : dump(RTM_GETADDR, sizeof(struct ifaddrmsg), take_address, links);
}

int links_read(struct links *ret)
{
	int err = -EINTR;

	for (int i = 0; i < ATTEMPTS && err == -EINTR; i++) {
		struct links links = {};

		err = read_once(&links);
		if (err)
			links_free(&links);
		else
			*ret = links;
	}
	return err;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	free(links->links);
	free(links->addresses);
	*links = (struct links){};
}

const struct link *links_by_name(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->link_count; i++)
		if (!strcmp(links->links[i].name, name))
			return &links->links[i];
	return NULL;
}

const struct link *links_by_index(const struct links *links, __u32 ifindex)
{
	for (size_t i = 0; i < links->link_count; i++)
		if (links->links[i].ifindex == ifindex)
			return &links->links[i];
	return NULL;
}

union addr links_source(const struct links *links, __u32 ifindex, __u8 family)
{
	for (size_t i = 0; i < links->address_count; i++) {
		const struct link_address *address = &links->addresses[i];

		if (address->ifindex == ifindex && address->family == family && address->global &&
		    !address->deprecated)
			return address->address;
	}
	return (union addr){};
}

static struct nlmsghdr *link_request(char *buffer, __u16 type, __u32 ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_index = ifindex;
	return request;
}

/* IFLA_AF_SPEC / AF_INET / IFLA_INET_CONF is an array of the interface's settings, from 1 on. */
static int take_forwarding(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *family, *conf;
	bool *on = data;

	mnl_attr_for_each (attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) != IFLA_AF_SPEC)
			continue;
		mnl_attr_for_each_nested (family, attr) {
			if (mnl_attr_get_type(family) != AF_INET)
				continue;
			mnl_attr_for_each_nested (conf, family)
				if (mnl_attr_get_type(conf) == IFLA_INET_CONF &&
				    mnl_attr_get_payload_len(conf) >= sizeof(__u32))
					*on = mnl_attr_get_u32(conf);
		}
	}
	return MNL_CB_OK;
}

int links_forwarding(__u32 ifindex, bool *ret)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	bool on = false;
	int err = exchange(link_request(buffer, RTM_GETLINK, ifindex), take_forwarding, &on);

	if (!err)
		*ret = on;
	return err;
}

int links_set_forwarding(__u32 ifindex, bool on)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = link_request(buffer, RTM_SETLINK, ifindex);
	struct nlattr *spec = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *family = mnl_attr_nest_start(request, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(request, IFLA_INET_CONF);

	mnl_attr_put_u32(request, IPV4_DEVCONF_FORWARDING, on);
	mnl_attr_nest_end(request, conf);
	mnl_attr_nest_end(request, family);
	mnl_attr_nest_end(request, spec);
	return exchange(request, NULL, NULL);
}
