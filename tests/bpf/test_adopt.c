// SPDX-License-Identifier: GPL-2.0-only
/* Connections of host sockets that are older than the gateway, found in the socket table. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "groups.h"
#include "talk.h"

static struct {
	int listener, client, server;
	__u16 client_port;
} sockets = {-1, -1, -1, 0};

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} name;

static socklen_t set_name(const char *address, __u16 port)
{
	memset(&name, 0, sizeof(name));
	if (strchr(address, ':')) {
		name.v6.sin6_family = AF_INET6;
		name.v6.sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, address, &name.v6.sin6_addr), 1);
		return sizeof(name.v6);
	}
	name.v4.sin_family = AF_INET;
	name.v4.sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, address, &name.v4.sin_addr), 1);
	return sizeof(name.v4);
}

static int bound(int type, const char *address, __u16 port)
{
	socklen_t length = set_name(address, port);
	int on = 1;
	int fd = socket(name.any.sa_family, type, 0);

	assert_return_code(fd, errno);
	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), errno);
	assert_return_code(bind(fd, &name.any, length), errno);
	return fd;
}

static void connect_to(int fd, const char *address, __u16 port)
{
	socklen_t length = set_name(address, port);

	assert_return_code(connect(fd, &name.any, length), errno);
}

static __u16 port_of(int fd)
{
	socklen_t length = sizeof(name);

	assert_return_code(getsockname(fd, &name.any, &length), errno);
	return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

/* Also what a test that failed has left. */
static int close_pair(void **state)
{
	(void)state;
	close(sockets.client);
	close(sockets.server);
	close(sockets.listener);
	sockets.listener = sockets.client = sockets.server = -1;
	return 0;
}

/* Both ends are in the namespace: packets that claim to be of either come from outside. */
static void connect_pair(const char *client, const char *server, __u16 port)
{
	sockets.listener = bound(SOCK_STREAM, server, port);
	assert_return_code(listen(sockets.listener, 1), errno);
	sockets.client = bound(SOCK_STREAM, client, 0);
	connect_to(sockets.client, server, port);
	sockets.server = accept(sockets.listener, NULL, NULL);
	assert_return_code(sockets.server, errno);
	sockets.client_port = port_of(sockets.client);
}

static void a_live_tcp_connection_of_the_host_is_adopted(void **state)
{
	struct spec packet;
	struct tuple key;
	struct flow flow;

	(void)state;
	connect_pair(LAN_IP, VPN_IP_2, 4430);
	packet = tcp(VPN_IP_2, 4430, LAN_IP, sockets.client_port, ACK);
	key = tuple_of(LAN_IN, &packet);
	passes(LAN_IN, packet);
	assert_int_equal(total(TOTAL_ADOPTED), 1);
	assert_true(flow_read(FLOWS, &key, &flow));
	assert_int_equal(flow.kind, FLOW_HOST);
	assert_int_equal(flow.timeout, timeouts_used()->tcp_established);
	passes(LAN_OUT, tcp(LAN_IP, sockets.client_port, VPN_IP_2, 4430, ACK));
	passes(LAN_IN, packet);
	assert_int_equal(total(TOTAL_ADOPTED), 1);
	assert_int_equal(flow_count(FLOWS), 2);
}

static void a_connection_that_somebody_made_to_the_host_is_adopted(void **state)
{
	(void)state;
	connect_pair(LAN_IP, VPN_IP_2, 4430);
	passes(VPN_IN, tcp(LAN_IP, sockets.client_port, VPN_IP_2, 4430, ACK));
	assert_int_equal(total(TOTAL_ADOPTED), 1);
}

static void a_live_ipv6_connection_of_the_host_is_adopted(void **state)
{
	(void)state;
	connect_pair(VPN_IP6, VPN_IP6, 4430);
	passes(VPN_IN, tcp(VPN_IP6, 4430, VPN_IP6, sockets.client_port, ACK));
	assert_int_equal(total(TOTAL_ADOPTED), 1);
}

static void a_listener_and_another_peer_are_no_connection(void **state)
{
	__u16 port;

	(void)state;
	connect_pair(LAN_IP, VPN_IP_2, 4430);
	port = sockets.client_port;
	is_dropped(VPN_IN, tcp(EXPERT_IP, 40000, VPN_IP_2, 4430, ACK), DROP_NO_FLOW);
	is_dropped(LAN_IN, tcp(LAN_CLIENT, 4430, LAN_IP, port, ACK), DROP_NO_FLOW);
	is_dropped(LAN_IN, tcp(VPN_IP_2, 4431, LAN_IP, port, ACK), DROP_NO_FLOW);
	is_dropped(LAN_IN, tcp(VPN_IP_2, 4430, LAN_IP, port, SYN), DROP_PORT_CLOSED);
	assert_int_equal(flow_count(FLOWS), 0);
}

/* The session outlives the grant, but only the grant counts. */
static void host_control_is_adopted_while_it_is_on(void **state)
{
	struct spec packet;
	struct tuple key;
	struct flow flow;

	(void)state;
	connect_pair(LAN_IP, VPN_IP_2, 23);
	packet = tcp(LAN_IP, sockets.client_port, VPN_IP_2, 23, ACK);
	is_dropped(VPN_IN, packet, DROP_NO_FLOW);
	host_control(true);
	passes(VPN_IN, packet);
	key = tuple_of(VPN_IN, &packet);
	assert_true(flow_read(FLOWS, &key, &flow));
	assert_int_equal(flow.lease.grant, GRANT_HOST_CONTROL);
	host_control(false);
	is_dropped(VPN_IN, packet, DROP_REVOKED);
}

/* The same session, had it come from the LAN or the container. */
static void host_control_is_adopted_only_from_where_it_is_granted(void **state)
{
	struct spec packet;

	(void)state;
	connect_pair(LAN_IP, VPN_IP_2, 23);
	packet = tcp(LAN_IP, sockets.client_port, VPN_IP_2, 23, ACK);
	host_control(true);
	is_dropped(LAN_IN, packet, DROP_NO_FLOW);
	assert_int_equal(total(TOTAL_ADOPTED), 0);
	is_dropped(BOX_IN, packet, DROP_SPOOFED);
	assert_int_equal(total(TOTAL_ADOPTED), 0);
}

static void only_a_connected_udp_socket_is_adopted(void **state)
{
	(void)state;
	sockets.client = bound(SOCK_DGRAM, LAN_IP, 45000);
	is_dropped(LAN_IN, udp(SERVER, 53, LAN_IP, 45000), DROP_PORT_CLOSED);
	connect_to(sockets.client, SERVER, 53);
	passes(LAN_IN, udp(SERVER, 53, LAN_IP, 45000));
	assert_int_equal(total(TOTAL_ADOPTED), 1);
	is_dropped(LAN_IN, udp(SERVER, 54, LAN_IP, 45000), DROP_PORT_CLOSED);
	is_dropped(LAN_IN, udp(LAN_CLIENT, 53, LAN_IP, 45000), DROP_PORT_CLOSED);
}

#define SOCKET_TEST(name)                                   \
	{                                                   \
#name, name, runner_reset, close_pair, NULL \
	}

int group_adopt(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET_TEST(a_live_tcp_connection_of_the_host_is_adopted),
		SOCKET_TEST(a_connection_that_somebody_made_to_the_host_is_adopted),
		SOCKET_TEST(a_live_ipv6_connection_of_the_host_is_adopted),
		SOCKET_TEST(a_listener_and_another_peer_are_no_connection),
		SOCKET_TEST(host_control_is_adopted_while_it_is_on),
		SOCKET_TEST(host_control_is_adopted_only_from_where_it_is_granted),
		SOCKET_TEST(only_a_connected_udp_socket_is_adopted),
	};

	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
