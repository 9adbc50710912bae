#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# From the VPN into the container: connections, transfers, counters.
#
# Source ports that a test names are below the range that the kernel chooses from.

load helpers

setup_file()
{
	start_lab forward="22 2000-2009 8080:80 8081:80 udp/22 udp/2000-2009 udp/5353:2000"
	ip -n "$LAB_PREFIX-exp" address add 10.1.0.7/24 dev tap0
	lab_scoutbpf load
	serve cont 22 80 2000 2001 2009
	serve host 23
}

teardown_file()
{
	lab_down
}

# NS INTERFACE FEATURE on|off...
ethtool_in()
{
	lab_in "$1" ethtool -K "$2" "${@:3}" >/dev/null
}

# Four letters, 1 or 0: of exp, of the host's two, of the container. An interface that does not
# trust its receiving side makes the stack verify what the sender has computed.
offloads()
{
	local ends=("exp tap0" "host tap0" "host ve-container" "cont host0") i word feature

	for i in 0 1 2 3; do
		[[ ${1:i:1} == 1 ]] && word=on || word=off
		for feature in rx tx sg tso gso gro; do
			# shellcheck disable=SC2086 # namespace and interface
			ethtool_in ${ends[i]} "$feature" "$word"
		done
	done
}

# Both directions, with the checksum of what arrived.
transfer()
{
	local sum

	sum=$(sha256sum <"$LAB_DIR/blob")
	sum=${sum%% *}
	run -0 lab_in exp timeout 30 nc -n -N 10.1.0.2 2000 < <(echo take && cat "$LAB_DIR/blob")
	[ "$output" = "4194304 $sum" ]
	[ "$(ask exp 10.1.0.2 2000 give | sha256sum)" = "$sum  -" ]
	no_bad_checksums exp cont host
}

@test "tcp to a forwarded port reaches the container, which sees the client's own address" {
	local port

	for port in 22 2000 2009; do
		run -0 ask exp 10.1.0.2 "$port" who -p $((10000 + port))
		[ "$output" = "10.1.0.6:$((10000 + port)) 10.0.3.2:$port" ]
	done
}

@test "tcp to a mapped port reaches the port behind it" {
	run -0 ask exp 10.1.0.2 8080 who -p 10001
	[ "$output" = "10.1.0.6:10001 10.0.3.2:80" ]
	[ "$(lab_probe exp 10.1.0.2 80 0.3)" = "no answer" ]
}

@test "udp reaches the container, and the answer comes from the address and port that were asked" {
	run -0 ask_udp exp 10.1.0.2 22 hello -p 10000
	[ "$output" = "10.1.0.6:10000 10.0.3.2:22 hello" ]
	run -0 ask_udp exp 10.1.0.2 2000 hello -p 10000
	[ "$output" = "10.1.0.6:10000 10.0.3.2:2000 hello" ]
	run -0 ask_udp exp 10.1.0.2 5353 hello -p 10001
	[ "$output" = "10.1.0.6:10001 10.0.3.2:2000 hello" ]
}

@test "a second address of the interface is forwarded while the host holds it" {
	ip -n "$LAB_PREFIX-host" address add 10.1.0.3/24 dev tap0
	run -0 ask exp 10.1.0.3 2000 who -p 10010
	[ "$output" = "10.1.0.6:10010 10.0.3.2:2000" ]
	run -0 ask_udp exp 10.1.0.3 2000 hello -p 10010
	ip -n "$LAB_PREFIX-host" address del 10.1.0.3/24 dev tap0
	ip -n "$LAB_PREFIX-exp" neighbour replace 10.1.0.3 dev tap0 \
		lladdr "$(mac_of host tap0)"
	[ "$(lab_probe exp 10.1.0.3 2000 0.3)" = "no answer" ]
}

@test "a port that is not forwarded does not answer" {
	local before

	before=$(drops port_closed)
	[ "$(lab_probe exp 10.1.0.2 2010 0.3)" = "no answer" ]
	[ "$(lab_probe exp 10.1.0.2 80 0.3)" = "no answer" ]
	[ "$(drops port_closed)" -ge $((before + 2)) ]
}

@test "megabytes arrive whole both ways with every offload on" {
	offloads 1111
	transfer
}

@test "megabytes arrive whole both ways with every offload off" {
	offloads 0000
	transfer
	offloads 1111
}

@test "megabytes arrive whole both ways with offloads on at some of the ends" {
	local mixture

	for mixture in 1000 0111 1001 0110 1010 0101; do
		offloads "$mixture"
		transfer
	done
	offloads 1111
}

@test "a half-closed connection carries data the other way" {
	[ "$(ask exp 10.1.0.2 2001 later -N | sha256sum)" = "$(sha256sum <"$LAB_DIR/blob")" ]
}

@test "two clients with the same port, to the same port, are told apart" {
	open_end one exp -s 10.1.0.6 -p 10020 10.1.0.2 2000
	open_end two exp -s 10.1.0.7 -p 10020 10.1.0.2 2000
	say one echo
	say two echo
	say one "I am one"
	say two "I am two"
	lab_wait 3 "the first one's echo" heard one "I am one"
	lab_wait 3 "the second one's echo" heard two "I am two"
	run ! heard one "I am two"
	run ! heard two "I am one"
	close_end one
	close_end two
}

@test "one client's two ways to one port of the container do not mix" {
	wire packets two_ways
}

@test "200 connections in a row from one source port all work" {
	wire sockets one_source_port
}

@test "50 connections at once carry their own data" {
	wire sockets at_once
}

@test "flows shows the endpoints of a forwarded connection" {
	local flow

	open_end shown exp -p 10040 10.1.0.2 8080
	say shown echo
	say shown "there you are"
	lab_wait 3 "the echo" heard shown "there you are"
	flow=$(lab_scoutbpf -j flows | jq -c '.[] | select(.client == "10.1.0.6:10040")')
	jq -e '.kind == "forwarded" and .proto == "tcp" and .local == "10.1.0.2:8080" and
		.target == "10.0.3.2:80" and .state == "established" and .interface == "tap0" and
		.age < 10 and .idle < 10' <<<"$flow"
	close_end shown
	lab_wait 3 "the end of the connection" flow_state 10.1.0.6:10040 closing
}

flow_state()
{
	lab_scoutbpf -j flows | jq -e ".[] | select(.client == \"$1\" and .state == \"$2\")"
}

@test "a flow's counters are what went over the wire" {
	wire sockets counters
}

@test "a flow counts packets as the wire sees them, where the sender leaves cutting to the card" {
	offloads 1111
	run -0 lab_in exp timeout 30 nc -n -N -p 10060 10.1.0.2 2000 < <(echo take && cat "$LAB_DIR/blob")
	lab_scoutbpf -j flows | jq -e '.[] | select(.client == "10.1.0.6:10060") |
		.bytes > 4194304 and .packets >= 4194304 / 1460 and .packets < 4194304 / 1000'
}

@test "a forward that is deleted cuts its connections, and no others" {
	lab_scoutbpf map port add 9000-9001:2000
	open_end gone exp 10.1.0.2 9000
	open_end stays exp 10.1.0.2 9001
	say gone echo
	say stays echo
	say gone "before"
	say stays "before"
	lab_wait 3 "the echo" heard gone "before"
	lab_wait 3 "the echo" heard stays "before"
	lab_scoutbpf map port del 9000
	say_in_vain gone exp "after"
	say stays "after"
	lab_wait 3 "the echo" heard stays "after"
	lab_scoutbpf map port add 9000:2000
	say_in_vain gone exp "after"
	run ! heard gone "after"
	lab_scoutbpf map port del 9000-9001
	close_end gone
	close_end stays
}

@test "a port that was closed is closed to who used it, too" {
	wire sockets closed_meanwhile
}

@test "all ports are forwarded by one command, and one command ends it" {
	local port=$((RANDOM % 10000 + 20001)) before

	lab_scoutbpf map port del 8080 8081
	lab_scoutbpf map port add 1-65535
	serve cont "$port"
	run -0 ask exp 10.1.0.2 "$port" who -p 10050
	[ "$output" = "10.1.0.6:10050 10.0.3.2:$port" ]
	before=$(drops host_control_off)
	[ "$(lab_probe exp 10.1.0.2 23 0.3)" = "no answer" ]
	[ "$(drops host_control_off)" -gt "$before" ]
	lab_scoutbpf map port del 1-65535
	[ "$(lab_probe exp 10.1.0.2 "$port" 0.3)" = "no answer" ]
	lab_scoutbpf load
	run -0 ask exp 10.1.0.2 8080 who
}

@test "a packet arrives as it was sent, but for what a router hop and the translation change" {
	wire packets whole
}

@test "an answer arrives as it was sent, but for what a router hop and the translation change" {
	wire packets whole_answer
}

@test "a udp checksum of zero stays zero, and one that becomes zero is written as ffff" {
	wire packets udp_checksums
}

@test "a checksum that is left to the card is translated as one" {
	wire packets unfinished_checksums
}

@test "a time to live of one ends at the gateway" {
	wire packets last_hop
}

@test "a wrong checksum stays wrong" {
	wire packets wrong_checksum
}
