#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# LAN access: closed, opened, closed again, and closed by the clock.

load helpers

setup_file()
{
	start_lab forward="22 2000-2009 udp/2000"
	lab_in lan ip route add 10.0.3.0/24 via 192.168.50.1
	lab_in lan ip route add 10.1.0.0/24 via 192.168.50.1
	lab_in exp ip route add 10.0.3.0/24 via 10.1.0.2
	lab_scoutbpf load
	serve cont 22 80 2000 2001
}

teardown_file()
{
	lab_down
}

teardown()
{
	lab_scoutbpf map lan off
}

lan_access_is()
{
	lab_scoutbpf -j status | jq -e ".lan_access == $1"
}

lan_refused()
{
	[[ $(lab_probe lan 192.168.50.1 2000 0.3) == "no answer" ]]
}

# FROM NAME PORT: a connection of two ends, both open, NAME-there in the container
session()
{
	local address=10.1.0.2

	[[ $1 == exp ]] || address=192.168.50.1
	listen_end "$2-there" cont "$3"
	open_end "$2" "$1" "$address" "$3"
	say "$2" "from outside"
	lab_wait 3 "$2 to connect" heard "$2-there" "from outside"
	say "$2-there" "from inside"
	lab_wait 3 "$2 to be answered" heard "$2" "from inside"
}

# NAME NS: what either end sends is dropped
is_cut()
{
	say_in_vain "$1" "$2" "cut from outside"
	say_in_vain "$1-there" cont "cut from inside"
	run ! heard "$1-there" "cut from outside"
	run ! heard "$1" "cut from inside"
}

close_session()
{
	close_end "$1"
	close_end "$1-there"
}

@test "nothing answers the LAN by default" {
	local before port

	before=$(drops lan_off)
	lan_access_is false
	for port in 22 2000 2009; do
		[ "$(lab_probe lan 192.168.50.1 "$port" 0.3)" = "no answer" ]
	done
	no_udp_answer lan 192.168.50.1 2000
	[ "$(drops lan_off)" -ge $((before + 4)) ]
}

@test "the container's own address does not answer from the LAN, nor from the VPN" {
	local reached ns port

	lab_scoutbpf map lan on
	run -0 ask lan 192.168.50.1 2000 who
	reached=$(nstat_of cont IpInReceives)
	for ns in lan exp; do
		for port in 22 80; do
			[ "$(lab_probe "$ns" 10.0.3.2 "$port" 0.3)" = "no answer" ]
		done
		no_udp_answer "$ns" 10.0.3.2 2000
	done
	[ "$(nstat_of cont IpInReceives)" = "$reached" ]
	[ "$(drops not_local)" -ge 2 ]
}

@test "the LAN does not reach the VPN's address, nor does the VPN the LAN's" {
	lab_scoutbpf map lan on
	[ "$(lab_probe lan 10.1.0.2 2000 0.3)" = "no answer" ]
	lab_in exp ip route add 192.168.50.0/24 via 10.1.0.2
	[ "$(lab_probe exp 192.168.50.1 2000 0.3)" = "no answer" ]
	lab_in exp ip route del 192.168.50.0/24
}

@test "LAN access opens the forwarded ports to the LAN, and no others" {
	lab_scoutbpf map lan on
	lan_access_is true
	run -0 ask lan 192.168.50.1 22 who -p 10000
	[ "$output" = "192.168.50.9:10000 10.0.3.2:22" ]
	run -0 ask_udp lan 192.168.50.1 2000 hello -p 10000
	[ "$output" = "192.168.50.9:10000 10.0.3.2:2000 hello" ]
	[ "$(ask lan 192.168.50.1 2001 give | sha256sum)" = "$(sha256sum <"$LAB_DIR/blob")" ]
	[ "$(lab_probe lan 192.168.50.1 80 0.3)" = "no answer" ]
	[ "$(lab_probe lan 192.168.50.1 23 0.3)" = "no answer" ]
}

@test "LAN access off cuts the LAN's running session for good, and leaves the VPN's alone" {
	lab_scoutbpf map lan on
	session lan guest 2005
	session exp expert 2005
	lab_scoutbpf map lan off
	is_cut guest lan
	say expert "and on"
	lab_wait 3 "the VPN's session to go on" heard expert-there "and on"
	say expert-there "and back"
	lab_wait 3 "the VPN's session to be answered" heard expert "and back"

	lab_scoutbpf map lan on
	is_cut guest lan
	run -0 ask lan 192.168.50.1 2000 who
	say expert "still on"
	lab_wait 3 "the VPN's session to go on" heard expert-there "still on"
	close_session guest
	close_session expert
}

@test "LAN access that is on stays as it is when it is switched on once more" {
	lab_scoutbpf map lan on
	session lan guest 2006
	lab_scoutbpf map lan on
	say guest "and on"
	lab_wait 3 "the session to go on" heard guest-there "and on"
	close_session guest
}

@test "LAN access off cuts an udp flow of the LAN" {
	local refused

	lab_scoutbpf map lan on
	open_end guest lan -u -p 10001 192.168.50.1 2000
	say guest "one"
	lab_wait 3 "the answer" heard guest "192.168.50.9:10001 10.0.3.2:2000 one"
	lab_scoutbpf map lan off
	refused=$(drops lan_off)
	say guest "two"
	lab_wait 3 "the drop" more_drops lan_off "$refused"
	lab_scoutbpf map lan on
	run ! heard guest "192.168.50.9:10001 10.0.3.2:2000 two"
	close_end guest
}

@test "LAN access for two seconds ends by itself, with the session in it" {
	local start elapsed

	lab_scoutbpf map lan on --for 2s
	start=${EPOCHREALTIME/[.,]/}
	session lan guest 2007
	lan_access_is true
	run ! pgrep -f "$SCOUTBPF"
	lab_wait 5 "LAN access to end" lan_refused
	elapsed=$((${EPOCHREALTIME/[.,]/} - start))
	((elapsed > 1700000 && elapsed < 3500000))
	is_cut guest lan
	lan_access_is false
	close_session guest
}
