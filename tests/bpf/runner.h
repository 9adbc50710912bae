/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real programs in a namespace of their own, run on one packet at a time.
 *
 *	expert 10.1.0.6 -- tap0 10.1.0.2, 10.1.0.9
 *	LAN 192.168.50.0/24 -- eth0 192.168.50.1, default route via 192.168.50.9
 *	LAN 192.168.60.0/24 -- wlan0 192.168.60.1
 *	container 10.0.3.2 -- ve-container 10.0.3.1 (its link address is known)
 *	container 10.0.4.2 -- ve-second 10.0.4.1 (its link address is not)
 *	expert 10.2.0.6 -- tun0 10.2.0.2, without link layer
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <scoutbpf/counters.h>
#include <scoutbpf/policy.h>
#include <scoutbpf/reasons.h>

#include "frame.h"

#define EXPERT_IP "10.1.0.6"
#define VPN_IP "10.1.0.2"
#define VPN_IP_2 "10.1.0.9"
#define VPN_OTHER "10.1.0.7" /* another machine on the tap's segment */
#define LAN_CLIENT "192.168.50.77"
#define LAN_IP "192.168.50.1"
#define LAN_IP_2 "192.168.50.2"
#define LAN_ROUTER "192.168.50.9"
#define WLAN_IP "192.168.60.1"
#define BOX_IP "10.0.3.2"
#define BOX_GATEWAY "10.0.3.1"
#define SECOND_IP "10.0.4.2"
#define SECOND_GATEWAY "10.0.4.1"
#define TUN_IP "10.2.0.2"
#define TUN_EXPERT "10.2.0.6"
#define SERVER "198.51.100.34" /* somewhere beyond the default route */
#define SERVER_2 "203.0.113.5" /* beyond a route that prefers LAN_IP_2 */
#define UNREACHABLE_IP "192.0.2.5"
#define UNGUARDED_IP "203.0.112.5" /* beyond an interface that is not ours */
#define EXPERT_IP6 "fd00:1::6"
#define VPN_IP6 "fd00:1::2"
#define LAN_CLIENT6 "fe80::77"
#define LAN_IP6 "fe80::1"

#define MASQUERADE_LOW 61000
#define MASQUERADE_HIGH 61999

/* A hook: a program on a device. */
enum place {
	VPN_IN,
	LAN_IN,
	WLAN_IN,
	BOX_IN,
	SECOND_IN,
	TUN_IN,
	BARE_LAN_IN, /* the LAN's program for bare IP, on tun0 as well */
	VPN_OUT, /* the same again, the other way */
	LAN_OUT,
	WLAN_OUT,
	BOX_OUT,
	SECOND_OUT,
	TUN_OUT,
	BARE_LAN_OUT,
};

struct outcome {
	int verdict; /* TC_ACT_* */
	enum drop_reason reason; /* of a drop */
	struct frame frame; /* as it is afterwards */
	__u32 mark, priority;
};

/* Makes the namespace and loads the programs. Returns 0 or a negative errno, and says why. */
int runner_start(void);
void runner_stop(void);

/* Empty tables and counters, doors as the tests expect them; the setup of every test. */
int runner_reset(void **state);

#define PACKET_TEST(name)                             \
	{                                             \
#name, name, runner_reset, NULL, NULL \
	}

/* Link addresses that SPEC leaves unsaid become those of the link at PLACE. */
struct spec on_link(enum place place, struct spec spec);
/* Where the host sends what it answers to PLACE, and the reverse. */
enum place out_of(enum place in);
__u32 ifindex_of(enum place place);
/* Of the interface; none is 0, which a field has that nobody set. */
__u16 slot_of(enum place place);
__u8 zone_of(enum place place);

/* Counts one drop, with its bytes, where the verdict is one, and none where it is not. */
struct outcome run_frame(enum place place, const struct frame *frame);
/* False where this kernel has a look at the frame itself, and runs no program on it. */
bool is_runnable(enum place place, const struct frame *frame);
struct outcome run(enum place place, struct spec spec);

/* Doors. A change is a new generation, as user space makes it. */
void grant_set(__u32 index, __u8 on, __u16 to_port, __u8 container);
void grant_clear(__u32 index);
void grant_expires(__u32 index, __u64 boottime_ns);
void lan_access(bool on);
void host_control(bool on);
void egress(__u8 slot, enum egress allowed);
void settings_edit(void (*edit)(struct settings *));
void local_add(const char *address, __u32 holder);
/* As the kernel takes it out of the device map. */
void interface_gone(enum place place);
void interface_without_address(enum place place);
void container_edit(__u32 slot, void (*edit)(struct container *));

__u64 jiffies_now(void);
__u64 boottime_now(void);

/* Whether a route lookup of this kernel names the source address (6.7, and some older ones). */
bool kernel_tells_source(void);
const struct timeouts *timeouts_used(void);

enum table {
	FLOWS,
	HALF_OPEN
};

struct tuple tuple_of(enum place place, const struct spec *spec);
bool flow_read(enum table table, const struct tuple *key, struct flow *ret);
void flow_write(enum table table, const struct tuple *key, const struct flow *flow);
void flow_remove(enum table table, const struct tuple *key);
__u32 flow_count(enum table table);

struct drop_count drops(enum drop_reason reason);
struct port_count port_counts(__u32 grant);
__u64 total(enum total total);

/* Names what is tried, for the report of a failure; NULL: nothing special. */
void trying(const char *what);

void passes_at(enum place place, struct spec in, const char *file, int line);
void drops_at(enum place place, struct spec in, enum drop_reason reason, const char *file,
	      int line);
void becomes_at(enum place place, struct spec in, struct spec out, const char *file, int line);

/* To the host, or to whatever else is on the hook, and untouched. */
#define passes(place, in) passes_at(place, in, __FILE__, __LINE__)
/* Counted for REASON and for no other. */
#define is_dropped(place, in, reason) drops_at(place, in, reason, __FILE__, __LINE__)
/* Redirected, as exactly OUT. */
#define becomes(place, in, out) becomes_at(place, in, out, __FILE__, __LINE__)

void same_frame_at(const struct frame *got, const struct frame *expected, const char *file,
		   int line);
#define is_same_frame(got, expected) same_frame_at(got, expected, __FILE__, __LINE__)

#endif
