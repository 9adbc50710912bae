// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <scoutbpf/names.h>

#include "runner.h"
#include "scoutbpf.skel.h"

#define MAX_CPUS 1024
#define MAX_TOUCHED 256

struct hook_place {
	const char *device;
	__u8 zone;
	enum station to, from;
	struct bpf_program **program; /* of the skeleton */
};

static struct scoutbpf_bpf *skel;
static struct hook_place places[BARE_LAN_OUT + 1];
static int cpus;
static const char *subject; /* what trying() said */
static __u32 touched[MAX_TOUCHED]; /* grants that are not as they were */
static __u32 touched_count;

/* --- the namespace --- */

static const char *const commands[] = {
	"ip link set lo up",
	"ip link add tap0 address 02:00:00:00:00:01 type veth peer name tap0-far",
	"ip link add eth0 address 02:00:00:00:00:03 type veth peer name eth0-far",
	"ip link add wlan0 address 02:00:00:00:00:05 type veth peer name wlan0-far",
	"ip link add ve-container address 02:00:00:00:00:07 type veth peer name box-far",
	"ip link add ve-second address 02:00:00:00:00:09 type veth peer name second-far",
	"ip tuntap add tun0 mode tun",
	"for link in tap0 eth0 wlan0 ve-container ve-second tun0; do"
	" ip link set $link up || exit; done",
	"for link in tap0 eth0 wlan0 box second; do ip link set $link-far up || exit; done",
	"ip address add " VPN_IP "/24 dev tap0",
	"ip address add " VPN_IP_2 "/24 dev tap0",
	"ip address add " LAN_IP "/24 dev eth0",
	"ip address add " LAN_IP_2 "/24 dev eth0",
	"ip address add " WLAN_IP "/24 dev wlan0",
	"ip address add " BOX_GATEWAY "/24 dev ve-container",
	"ip address add " SECOND_GATEWAY "/24 dev ve-second",
	"ip address add " TUN_IP "/24 dev tun0",
	"ip neighbour replace " EXPERT_IP " lladdr 02:00:00:00:00:02 dev tap0 nud permanent",
	"ip neighbour replace " LAN_ROUTER " lladdr 02:00:00:00:00:04 dev eth0 nud permanent",
	"ip neighbour replace " BOX_IP " lladdr 02:00:00:00:00:08 dev ve-container nud permanent",
	"ip route add default via " LAN_ROUTER " dev eth0",
	"ip route add 203.0.113.0/24 via " LAN_ROUTER " src " LAN_IP_2,
	"ip route add unreachable 192.0.2.0/24",
	"ip route add 203.0.112.0/24 dev eth0-far",
	"ip address add " VPN_IP6 "/64 dev tap0 nodad",
	"echo 1 >/proc/sys/net/ipv4/conf/lo/forwarding",
};

static int make_namespace(void)
{
	size_t i;

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "packets: a network namespace cannot be made: %m\n");
		return -errno;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (system(commands[i])) {
			fprintf(stderr, "packets: failed: %s\n", commands[i]);
			return -EIO;
		}
	}
	return 0;
}

static void place(enum place in, const char *device, __u8 zone, enum station host,
		  enum station peer, struct bpf_program **in_program,
		  struct bpf_program **out_program)
{
	places[in] = (struct hook_place){device, zone, host, peer, in_program};
	places[out_of(in)] = (struct hook_place){device, zone, peer, host, out_program};
}

static void make_places(void)
{
	place(VPN_IN, "tap0", ZONE_VPN, TAP0, EXPERT, &skel->progs.vpn_in_eth,
	      &skel->progs.vpn_out_eth);
	place(LAN_IN, "eth0", ZONE_LAN, ETH0, LAN_PEER, &skel->progs.lan_in_eth,
	      &skel->progs.lan_out_eth);
	place(WLAN_IN, "wlan0", ZONE_LAN, WLAN0, WLAN_PEER, &skel->progs.lan_in_eth,
	      &skel->progs.lan_out_eth);
	place(BOX_IN, "ve-container", ZONE_CONTAINER, VE_CONTAINER, BOX,
	      &skel->progs.container_in_eth, &skel->progs.container_out_eth);
	place(SECOND_IN, "ve-second", ZONE_CONTAINER, VE_SECOND, SECOND_BOX,
	      &skel->progs.container_in_eth, &skel->progs.container_out_eth);
	place(TUN_IN, "tun0", ZONE_VPN, NOBODY, NOBODY, &skel->progs.vpn_in_ip,
	      &skel->progs.vpn_out_ip);
	place(BARE_LAN_IN, "tun0", ZONE_LAN, NOBODY, NOBODY, &skel->progs.lan_in_ip,
	      &skel->progs.lan_out_ip);
}

enum place out_of(enum place in)
{
	return in + (VPN_OUT - VPN_IN);
}

__u32 ifindex_of(enum place place)
{
	return if_nametoindex(places[place].device);
}

__u16 slot_of(enum place place)
{
	return 3 + place;
}

__u8 zone_of(enum place place)
{
	return places[place].zone;
}

struct spec on_link(enum place place, struct spec spec)
{
	if (!spec.to)
		spec.to = places[place].to;
	if (!spec.from)
		spec.from = places[place].from;
	return spec;
}

/* --- the programs --- */

static __u32 jiffies_per_second(void)
{
	struct timespec tick;

	assert_return_code(clock_getres(CLOCK_MONOTONIC_COARSE, &tick), errno);
	return (1000000000L + tick.tv_nsec / 2) / tick.tv_nsec;
}

static void set_timeouts(struct timeouts *timeouts)
{
	__u32 hz = jiffies_per_second();

	timeouts->tcp_half_open = TCP_HALF_OPEN_SECONDS * hz;
	timeouts->tcp_established = TCP_ESTABLISHED_SECONDS * hz;
	timeouts->tcp_closing = TCP_CLOSING_SECONDS * hz;
	timeouts->udp = UDP_SECONDS * hz;
	timeouts->icmp = ICMP_SECONDS * hz;
}

const struct timeouts *timeouts_used(void)
{
	return &skel->rodata->timeouts;
}

int runner_start(void)
{
	int err = make_namespace();

	if (err)
		return err;
	cpus = libbpf_num_possible_cpus();
	skel = cpus > 0 && cpus <= MAX_CPUS ? scoutbpf_bpf__open() : NULL;
	if (!skel) {
		fprintf(stderr, "packets: the programs cannot be opened: %m\n");
		return -errno;
	}
	set_timeouts(&skel->rodata->timeouts);
	err = scoutbpf_bpf__load(skel);
	if (err)
		fprintf(stderr, "packets: the programs cannot be loaded: %s\n", strerror(-err));
	make_places();
	return err;
}

void runner_stop(void)
{
	scoutbpf_bpf__destroy(skel);
}

static int test_run(struct bpf_program *program, const struct frame *in, struct frame *out,
		    struct __sk_buff *context, __u32 *verdict)
{
	struct __sk_buff after = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = out->bytes, .data_size_out = FRAME_MAX, .repeat = 1,
		    .ctx_in = context, .ctx_size_in = sizeof(*context), .ctx_out = &after,
		    .ctx_size_out = sizeof(after));
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	out->length = options.data_size_out;
	*context = after;
	*verdict = options.retval;
	return err;
}

static void read_clock(__u64 clock[2])
{
	struct frame in = {.length = 64}, out = {};
	struct __sk_buff context = {};
	__u32 verdict;

	assert_int_equal(test_run(skel->progs.read_clock, &in, &out, &context, &verdict), 0);
	assert_int_equal(verdict, TC_ACT_OK);
	memcpy(clock, out.bytes, 2 * sizeof(*clock));
}

__u64 jiffies_now(void)
{
	__u64 clock[2];

	read_clock(clock);
	return clock[0];
}

__u64 boottime_now(void)
{
	__u64 clock[2];

	read_clock(clock);
	return clock[1];
}

bool kernel_tells_source(void)
{
	struct frame in = {.length = 64}, out = {};
	struct __sk_buff context = {};
	__u32 verdict;

	assert_int_equal(test_run(skel->progs.probe_route_source, &in, &out, &context, &verdict),
			 0);
	return verdict == TC_ACT_OK;
}

/* --- maps --- */

static int fd(const struct bpf_map *map)
{
	return bpf_map__fd(map);
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	assert_return_code(bpf_map_update_elem(fd(map), key, value, BPF_ANY), errno);
}

static void clear_hash(const struct bpf_map *map)
{
	__u8 key[sizeof(struct tuple)];

	while (!bpf_map_get_next_key(fd(map), NULL, key))
		assert_return_code(bpf_map_delete_elem(fd(map), key), errno);
}

static void clear_per_cpu(const struct bpf_map *map)
{
	static __u8 zeroes[MAX_CPUS * 16];
	__u32 i;

	for (i = 0; i < bpf_map__max_entries(map); i++)
		put(map, &i, zeroes);
}

static union addr addr_of(const char *text)
{
	union addr addr = {};

	if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
		return addr;
	}
	addr.words[2] = htonl(0xffff);
	assert_int_equal(inet_pton(AF_INET, text, &addr.words[3]), 1);
	return addr;
}

struct tuple tuple_of(enum place place, const struct spec *spec)
{
	return (struct tuple){
		.src = addr_of(spec->src),
		.dst = addr_of(spec->dst),
		.sport = htons(spec->sport),
		.dport = htons(spec->dport),
		.proto = spec->proto,
		.zone = zone_of(place),
	};
}

static const struct bpf_map *table_map(enum table table)
{
	return table == FLOWS ? skel->maps.MAP_FLOWS : skel->maps.MAP_HALF_OPEN;
}

bool flow_read(enum table table, const struct tuple *key, struct flow *ret)
{
	return !bpf_map_lookup_elem(fd(table_map(table)), key, ret);
}

void flow_write(enum table table, const struct tuple *key, const struct flow *flow)
{
	put(table_map(table), key, flow);
}

void flow_remove(enum table table, const struct tuple *key)
{
	assert_return_code(bpf_map_delete_elem(fd(table_map(table)), key), errno);
}

__u32 flow_count(enum table table)
{
	int map = fd(table_map(table));
	struct tuple key;
	__u32 count = 0;
	bool any = !bpf_map_get_next_key(map, NULL, &key);

	while (any) {
		count++;
		any = !bpf_map_get_next_key(map, &key, &key);
	}
	return count;
}

struct drop_count drops(enum drop_reason reason)
{
	struct drop_count values[MAX_CPUS], sum = {};
	__u32 key = reason;
	int i;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_DROPS), &key, values), errno);
	for (i = 0; i < cpus; i++) {
		sum.packets += values[i].packets;
		sum.bytes += values[i].bytes;
	}
	return sum;
}

struct port_count port_counts(__u32 grant)
{
	struct port_count values[MAX_CPUS], sum = {};
	int i;

	if (bpf_map_lookup_elem(fd(skel->maps.MAP_PORT_COUNTS), &grant, values))
		return sum;
	for (i = 0; i < cpus; i++) {
		sum.opened += values[i].opened;
		sum.refused += values[i].refused;
	}
	return sum;
}

__u64 total(enum total total)
{
	__u64 values[MAX_CPUS], sum = 0;
	__u32 key = total;
	int i;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_TOTALS), &key, values), errno);
	for (i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

/* --- doors --- */

static struct grant grant_get(__u32 index)
{
	struct grant grant;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_GRANTS), &index, &grant), errno);
	return grant;
}

void grant_set(__u32 index, __u8 on, __u16 to_port, __u8 container)
{
	struct grant grant = {
		.gen = grant_get(index).gen + 1,
		.to_port = to_port,
		.container = container,
		.on = on,
	};

	assert_true(touched_count < MAX_TOUCHED);
	touched[touched_count++] = index;
	put(skel->maps.MAP_GRANTS, &index, &grant);
}

void grant_clear(__u32 index)
{
	grant_set(index, 0, 0, 0);
}

void grant_expires(__u32 index, __u64 boottime_ns)
{
	struct grant grant = grant_get(index);

	grant.expires = boottime_ns;
	put(skel->maps.MAP_GRANTS, &index, &grant);
}

void lan_access(bool on)
{
	grant_set(GRANT_LAN, on, 0, 0);
}

void host_control(bool on)
{
	grant_set(GRANT_HOST_CONTROL, on, 0, 0);
}

void egress(__u8 slot, enum egress allowed)
{
	grant_set(GRANT_EGRESS + slot, allowed, 0, slot);
}

void settings_edit(void (*edit)(struct settings *))
{
	struct settings settings;
	__u32 zero = 0;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_SETTINGS), &zero, &settings),
			   errno);
	edit(&settings);
	put(skel->maps.MAP_SETTINGS, &zero, &settings);
}

void container_edit(__u32 slot, void (*edit)(struct container *))
{
	struct container container;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_CONTAINERS), &slot, &container),
			   errno);
	edit(&container);
	put(skel->maps.MAP_CONTAINERS, &slot, &container);
}

void local_add(const char *address, __u32 holder)
{
	union addr key = addr_of(address);

	put(skel->maps.MAP_LOCALS, &key, &holder);
}

void interface_without_address(enum place place)
{
	__u32 slot = slot_of(place);
	struct interface interface;

	assert_return_code(bpf_map_lookup_elem(fd(skel->maps.MAP_INTERFACES), &slot, &interface),
			   errno);
	interface.address = (union addr){};
	put(skel->maps.MAP_INTERFACES, &slot, &interface);
}

void interface_gone(enum place place)
{
	__u32 slot = slot_of(place);

	assert_return_code(bpf_map_delete_elem(fd(skel->maps.MAP_GUARDED), &slot), errno);
}

static void add_container(__u32 slot, const char *address, enum place place, bool peer)
{
	struct container container = {
		.address = addr_of(address),
		.ifindex = ifindex_of(place),
		.if_slot = slot_of(place),
		.peer = peer,
		.used = 1,
	};

	put(skel->maps.MAP_CONTAINERS, &slot, &container);
	put(skel->maps.MAP_CONTAINER_SLOTS, &container.address, &slot);
	egress(slot, EGRESS_ANY);
}

static void add_interface(enum place place, const char *address)
{
	__u32 ifindex = ifindex_of(place), slot = slot_of(place);
	struct interface interface = {
		.address = addr_of(address),
		.ifindex = ifindex,
		.zone = zone_of(place),
		.ethernet = place != TUN_IN,
	};

	put(skel->maps.MAP_INTERFACES, &slot, &interface);
	put(skel->maps.MAP_IF_SLOTS, &ifindex, &slot);
	put(skel->maps.MAP_GUARDED, &slot, &ifindex);
	local_add(address, ifindex);
}

static void add_world(void)
{
	add_interface(VPN_IN, VPN_IP);
	add_interface(LAN_IN, LAN_IP);
	add_interface(WLAN_IN, WLAN_IP);
	add_interface(BOX_IN, BOX_GATEWAY);
	add_interface(SECOND_IN, SECOND_GATEWAY);
	add_interface(TUN_IN, TUN_IP);
	local_add(VPN_IP_2, ifindex_of(VPN_IN));
	local_add(VPN_IP6, ifindex_of(VPN_IN));
	local_add(LAN_IP6, LOCAL_ANYWHERE);
	local_add("10.1.0.0", LOCAL_NOWHERE);
	local_add("10.1.0.255", LOCAL_NOWHERE);
	add_container(0, BOX_IP, BOX_IN, true);
	add_container(1, SECOND_IP, SECOND_IN, false);
}

/* 22, 2000 to 2009, 8080 as 80 and, in the second container, 2222 as 22; 2001 for the VPN alone. */
static void add_grants(void)
{
	__u8 both = ZONE_BIT(ZONE_VPN) | ZONE_BIT(ZONE_LAN);
	__u16 port;

	grant_set(GRANT_TCP + 22, both, 22, 0);
	for (port = 2000; port <= 2009; port++)
		grant_set(GRANT_TCP + port, port == 2001 ? ZONE_BIT(ZONE_VPN) : both, port, 0);
	grant_set(GRANT_TCP + 8080, both, 80, 0);
	grant_set(GRANT_TCP + 2222, both, 22, 1);
	grant_set(GRANT_UDP + 2000, both, 2000, 0);
	grant_set(GRANT_UDP + 5353, both, 53, 0);
	grant_clear(GRANT_LAN);
	grant_clear(GRANT_HOST_CONTROL);
}

static void clear_grants(void)
{
	static const struct grant none;

	while (touched_count)
		put(skel->maps.MAP_GRANTS, &touched[--touched_count], &none);
}

int runner_reset(void **state)
{
	const struct settings settings = {
		.host_control_port = 23,
		.masquerade_low = MASQUERADE_LOW,
		.masquerade_high = MASQUERADE_HIGH,
		.icmp_echo = 1,
	};
	__u32 zero = 0;

	(void)state;
	trying(NULL);
	clear_hash(skel->maps.MAP_FLOWS);
	clear_hash(skel->maps.MAP_HALF_OPEN);
	clear_hash(skel->maps.MAP_PORT_COUNTS);
	clear_hash(skel->maps.MAP_LOCALS);
	clear_per_cpu(skel->maps.MAP_DROPS);
	clear_per_cpu(skel->maps.MAP_TOTALS);
	clear_grants();
	put(skel->maps.MAP_SETTINGS, &zero, &settings);
	add_world();
	add_grants();
	return 0;
}

/* --- running and comparing --- */

void trying(const char *what)
{
	subject = what;
}

static void failing(const char *file, int line, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_error("%s%s%s\n", subject ?: "", subject ? ": " : "", text);
	_fail(file, line);
}

static const char *reason_name(enum drop_reason reason)
{
	switch (reason) {
#define X(number, name, text) \
	case number:          \
		return #name;
		DROP_REASONS(X)
#undef X
	}
	return "no reason";
}

static const char *verdict_name(const struct outcome *outcome)
{
	switch (outcome->verdict) {
	case TC_ACT_UNSPEC:
		return "passed";
	case TC_ACT_REDIRECT:
		return "redirected";
	case TC_ACT_SHOT:
		return reason_name(outcome->reason);
	default:
		return "given another verdict";
	}
}

/* The one reason that counted a packet more than BEFORE, and all its bytes. */
static enum drop_reason counted(const struct drop_count *before, __u32 bytes)
{
	enum drop_reason found = 0;
	__u32 i;

	for (i = 0; i < DROP_REASON_MAX; i++) {
		struct drop_count after = drops(i);

		if (after.packets == before[i].packets)
			continue;
		assert_int_equal(found, 0);
		assert_int_equal(after.packets, before[i].packets + 1);
		assert_int_equal(after.bytes, before[i].bytes + bytes);
		found = i;
	}
	return found;
}

static int run_at(enum place place, const struct frame *frame, struct outcome *ret)
{
	struct __sk_buff context = {
		.ifindex = ifindex_of(place), .mark = 0x5eed, .priority = 5, .cb = {}};
	struct frame out = {};
	__u32 verdict;
	int err = test_run(*places[place].program, frame, &out, &context, &verdict);

	*ret = (struct outcome){.verdict = (int)verdict,
				.frame = out,
				.mark = context.mark,
				.priority = context.priority};
	return err;
}

bool is_runnable(enum place place, const struct frame *frame)
{
	struct outcome outcome;
	int err = run_at(place, frame, &outcome);

	if (err)
		assert_int_equal(err, -EINVAL);
	return !err;
}

struct outcome run_frame(enum place place, const struct frame *frame)
{
	struct drop_count before[DROP_REASON_MAX];
	struct outcome outcome;
	__u32 i;

	for (i = 0; i < DROP_REASON_MAX; i++)
		before[i] = drops(i);
	assert_int_equal(run_at(place, frame, &outcome), 0);
	outcome.reason = counted(before, frame->length);
	assert_int_equal(outcome.verdict == TC_ACT_SHOT, outcome.reason != 0);
	return outcome;
}

struct outcome run(enum place place, struct spec spec)
{
	struct spec complete = on_link(place, spec);
	struct frame frame = build(&complete);

	return run_frame(place, &frame);
}

static void dump(const char *name, const struct frame *frame)
{
	char text[3 * 96 + 1] = "";
	__u32 i;

	for (i = 0; i < frame->length && i < 96; i++)
		sprintf(text + 3 * i, "%02x ", frame->bytes[i]);
	print_error("%s %s\n", name, text);
}

void same_frame_at(const struct frame *got, const struct frame *expected, const char *file,
		   int line)
{
	__u32 i;

	for (i = 0; i < got->length && i < expected->length; i++)
		if (got->bytes[i] != expected->bytes[i])
			break;
	if (i == got->length && i == expected->length)
		return;
	dump("expected", expected);
	dump("got     ", got);
	failing(file, line, "%u bytes instead of %u, and byte %u is the first that differs",
		got->length, expected->length, i);
}

void passes_at(enum place place, struct spec in, const char *file, int line)
{
	struct spec complete = on_link(place, in);
	struct frame frame = build(&complete);
	struct outcome outcome = run_frame(place, &frame);

	if (outcome.verdict != TC_ACT_UNSPEC)
		failing(file, line, "expected to pass, was %s", verdict_name(&outcome));
	same_frame_at(&outcome.frame, &frame, file, line);
}

void drops_at(enum place place, struct spec in, enum drop_reason reason, const char *file, int line)
{
	struct outcome outcome = run(place, in);

	if (outcome.reason != reason)
		failing(file, line, "expected %s, was %s", reason_name(reason),
			verdict_name(&outcome));
}

void becomes_at(enum place place, struct spec in, struct spec out, const char *file, int line)
{
	struct outcome outcome = run(place, in);
	struct frame expected = build(&out);

	if (outcome.verdict != TC_ACT_REDIRECT)
		failing(file, line, "expected to be redirected, was %s", verdict_name(&outcome));
	same_frame_at(&outcome.frame, &expected, file, line);
	if (outcome.mark || outcome.priority)
		failing(file, line, "mark or priority of the other side were kept");
}
