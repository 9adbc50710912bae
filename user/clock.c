// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_ether.h>

#include <bpf/bpf.h>

#include <scoutbpf/names.h>

#include "clock.h"
#include "error.h"
#include "pins.h"

__u64 boot_time(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec;
}

__u32 jiffies_per_second(void)
{
	struct timespec tick;

	/* The coarse clock moves with the tick: its resolution is a jiffy. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || !tick.tv_nsec)
		return 250;
	return (1000000000L + tick.tv_nsec / 2) / tick.tv_nsec;
}

int clock_read(const char *pindir, struct kernel_clock *ret)
{
	char frame[ETH_ZLEN] = {}, out[ETH_ZLEN];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	int fd = pins_require(pindir, NAME_OF(CLOCK_PROGRAM));
	int err;

	if (fd < 0)
		return fd;
	err = bpf_prog_test_run_opts(fd, &options);
	close(fd);
	if (err)
		complain(pindir, NAME_OF(CLOCK_PROGRAM) ": %s", strerror(-err));
	else
		memcpy(ret, out, sizeof(*ret));
	return err;
}
