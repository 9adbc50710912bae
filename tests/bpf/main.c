// SPDX-License-Identifier: GPL-2.0-only
/* The programs as the kernel has them, packet by packet. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "groups.h"
#include "runner.h"

#define SKIPPED 77

int main(void)
{
	static int (*const groups[])(void) = {
		group_forward, group_reply,  group_refuse,   group_parse,
		group_host,    group_adopt,  group_outbound, group_tcp_state,
		group_revoke,  group_tuples, group_bare_ip,  group_routes,
	};
	int failed = 0;
	size_t i;

	if (geteuid()) {
		fprintf(stderr, "packets: loading programs and making a namespace needs root\n");
		return SKIPPED;
	}
	if (runner_start())
		return EXIT_FAILURE;
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		failed += groups[i]();
	runner_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
