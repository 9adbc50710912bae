#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What no socket would send. The cases are in refuse.py: nothing gets in, and the right drops move.

load helpers

setup_file()
{
	start_lab forward="22 2000-2009 udp/2000-2009"
	lab_scoutbpf load
	# Where something would be answered, if it got through.
	serve cont 22 23 53 80 2000
	serve host 22 23 53 80 2000
}

teardown_file()
{
	lab_down
}

@test "fragments, IPv4 and IPv6" {
	wire refuse fragments
}

@test "IPv4 options" {
	wire refuse ip_options
}

@test "VLAN tags" {
	wire refuse vlan_tags
}

@test "a priority tag is no VLAN, and neither hides nor opens anything" {
	wire refuse priority_tag
}

@test "frames for other machines" {
	wire refuse other_machines
}

@test "broadcast and multicast" {
	wire refuse groups
}

@test "addresses that the host does not hold on the interface" {
	wire refuse wrong_addresses
}

@test "addresses that nobody has a route to" {
	wire refuse no_default_route
}

@test "TCP packets that are no SYN, of no connection" {
	wire refuse scans
}

@test "closed ports, IPv4 and IPv6, from the VPN and the LAN" {
	wire refuse closed_ports
}

@test "other transport protocols, and tunnels" {
	wire refuse other_protocols
}

@test "ports behind IPv6 extension headers" {
	wire refuse extension_headers
}

@test "headers that are cut short or contradict themselves" {
	wire refuse cut_short
}

@test "ICMP that is neither an echo request nor about a connection" {
	wire refuse icmp
}

@test "packets of a connection that come by the wrong interface" {
	wire refuse other_zone
}

@test "what the container may not send" {
	wire refuse from_the_container
}
