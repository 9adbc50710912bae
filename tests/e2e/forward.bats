#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# From the VPN into the container: connections, transfers, counters.

load helpers

setup_file()
{
	start_lab
	lab_scoutbpf load
	serve cont 22 80 2000 2001 2009
}

teardown_file()
{
	lab_down
}

@test "who" {
	run -0 ask exp 10.1.0.2 2000 who -p 40000
	[ "$output" = "10.1.0.6:40000 10.0.3.2:2000" ]
	run -0 ask_udp exp 10.1.0.2 2000 hello -p 40000
	[ "$output" = "10.1.0.6:40000 10.0.3.2:2000 hello" ]
}
