// SPDX-License-Identifier: GPL-2.0-only
/* Clocks and random numbers. */
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "kernel.h"

struct kernel kernel;

void kernel_reset(void)
{
	maps_free();
	skb_free();
	kernel = (struct kernel){
		.jiffies = 0x100000123,
		.boot_ns = 1000000007,
		.random_state = 2463534242,
	};
}

__u64 bpf_jiffies64(void)
{
	return kernel.jiffies;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	kernel.boot_clock_reads++;
	return kernel.boot_ns;
}

/* Marsaglia's xorshift: every run draws the same. */
__u32 bpf_get_prandom_u32(void)
{
	if (kernel.random_count) {
		kernel.random_count--;
		return *kernel.random++;
	}
	kernel.random_state ^= kernel.random_state << 13;
	kernel.random_state ^= kernel.random_state >> 17;
	kernel.random_state ^= kernel.random_state << 5;
	return kernel.random_state;
}
