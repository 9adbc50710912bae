/* SPDX-License-Identifier: GPL-2.0-only */
/* The clocks that flows are stamped with. */
#ifndef CLOCK_H
#define CLOCK_H

#include <linux/types.h>

/* Both read in the kernel at one moment. */
struct kernel_clock {
	__u64 jiffies;
	__u64 boot_ns; /* CLOCK_BOOTTIME */
};

/* Runs the pinned clock program. Returns 0, or a negative errno after a line on stderr. */
int clock_read(const char *pindir, struct kernel_clock *ret);

/* Jiffies in a second. */
__u32 jiffies_per_second(void);

/* CLOCK_BOOTTIME in ns. */
__u64 boot_time(void);

#endif
