#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the container opens: masqueraded to the outside, refused towards the host.

load helpers

# Stands for the internet: behind the LAN, or behind the VPN, as the host's default route says.
INTERNET=203.0.113.80

setup_file()
{
	local ns

	start_lab forward="22 2000-2009 udp/2000"
	for ns in lan exp; do
		ip -n "$LAB_PREFIX-$ns" address add "$INTERNET/32" dev lo
	done
	lab_scoutbpf load
	serve lan 53 80
	serve exp 53 80
	serve host 23 5000
	serve cont 22 2000
}

teardown_file()
{
	lab_down
}

setup()
{
	configure egress=any
	lab_in host ip route replace default via 192.168.50.9
	lab_scoutbpf load
}

refused()
{
	[[ $(lab_probe "$1" "$2" "$3" 0.15) == "no answer" ]]
}

# What the server sees: CLIENT LOCAL
peer_of()
{
	echo "${1%%:*}"
}

@test "tcp from the container comes from the host's address on the way out" {
	run -0 ask cont 192.168.50.9 80 who
	[[ $output =~ ^192\.168\.50\.1:[0-9]+\ 192\.168\.50\.9:80$ ]]
	run -0 ask cont 10.1.0.6 80 who
	[[ $output =~ ^10\.1\.0\.2:[0-9]+\ 10\.1\.0\.6:80$ ]]
	run -0 ask cont "$INTERNET" 80 who
	[[ $output =~ ^192\.168\.50\.1:[0-9]+\ 203\.0\.113\.80:80$ ]]
}

@test "udp from the container is masqueraded and answered" {
	run -0 ask_udp cont 192.168.50.9 53 query
	[[ $output =~ ^192\.168\.50\.1:[0-9]+\ 192\.168\.50\.9:53\ query$ ]]
	run -0 ask_udp cont 10.1.0.6 53 query
	[[ $output =~ ^10\.1\.0\.2:[0-9]+\ 10\.1\.0\.6:53\ query$ ]]
	run -0 ask_udp cont "$INTERNET" 53 query
	[[ $output =~ ^192\.168\.50\.1:[0-9]+\ 203\.0\.113\.80:53\ query$ ]]
}

@test "pings from the container are answered, two at a time" {
	local address

	for address in 192.168.50.9 10.1.0.6 "$INTERNET"; do
		lab_in cont ping -qc2 -i0.05 -W1 "$address"
	done
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_in cont bash -c '
		ping -qc5 -i0.05 -W1 192.168.50.9 & one=$!
		ping -qc5 -i0.05 -W1 192.168.50.9 & two=$!
		wait $one && wait $two'
	[ "$(nstat_of lan IcmpInEchos)" -ge 12 ]
}

@test "megabytes arrive whole both ways, to the LAN and to the VPN" {
	local sum address

	sum=$(sha256sum <"$LAB_DIR/blob")
	for address in 192.168.50.9 10.1.0.6 "$INTERNET"; do
		[ "$(ask cont "$address" 80 give | sha256sum)" = "$sum" ]
		run -0 lab_in cont timeout 20 nc -n -N "$address" 80 \
			< <(echo take && cat "$LAB_DIR/blob")
		[ "$output" = "4194304 ${sum%% *}" ]
	done
	no_bad_checksums cont lan exp host
}

@test "checksums that are computed by the sender and verified by the receiver hold, too" {
	local end ends=("cont host0" "host ve-container" "host eth0" "lan eth0") sum

	sum=$(sha256sum <"$LAB_DIR/blob")
	for end in "${ends[@]}"; do
		lab_in "${end% *}" ethtool -K "${end#* }" rx off tx off tso off gso off gro off
	done >/dev/null
	[ "$(ask cont 192.168.50.9 80 give | sha256sum)" = "$sum" ]
	run -0 lab_in cont timeout 20 nc -n -N 192.168.50.9 80 < <(echo take && cat "$LAB_DIR/blob")
	[ "$output" = "4194304 ${sum%% *}" ]
	run -0 ask_udp cont 192.168.50.9 53 query
	lab_in cont ping -qc1 -W1 192.168.50.9
	for end in "${ends[@]}"; do
		lab_in "${end% *}" ethtool -K "${end#* }" rx on tx on tso on gso on
	done >/dev/null
	no_bad_checksums cont lan host
}

@test "the default route decides which address new connections come from" {
	run -0 ask cont "$INTERNET" 80 who
	[ "$(peer_of "$output")" = 192.168.50.1 ]
	lab_in host ip route replace default via 10.1.0.6
	run -0 ask cont "$INTERNET" 80 who
	[ "$(peer_of "$output")" = 10.1.0.2 ]
	run -0 ask_udp cont "$INTERNET" 53 query
	[ "$(peer_of "$output")" = 10.1.0.2 ]
	lab_in host ip route replace default via 192.168.50.9
	run -0 ask cont "$INTERNET" 80 who
	[ "$(peer_of "$output")" = 192.168.50.1 ]
}

@test "the source address that a route asks for is used" {
	local release

	release=$(uname -r)
	[ "$(printf '%s\n' 6.7 "$release" | sort -V | head -n 1)" = 6.7 ] ||
		skip "the kernel's route lookup tells no source address before 6.7"
	ip -n "$LAB_PREFIX-host" address add 192.168.50.111/24 dev eth0
	lab_in host ip route replace default via 192.168.50.9 src 192.168.50.111
	run -0 ask cont "$INTERNET" 80 who
	[ "$(peer_of "$output")" = 192.168.50.111 ]
	run -0 ask cont 192.168.50.9 80 who
	[ "$(peer_of "$output")" = 192.168.50.1 ]
	lab_in host ip route replace default via 192.168.50.9
	ip -n "$LAB_PREFIX-host" address del 192.168.50.111/24 dev eth0
}

@test "without a route the container's packets end at the gateway" {
	local before

	before=$(drops no_route)
	lab_in host ip route del default
	refused cont "$INTERNET" 80
	[ "$(drops no_route)" -gt "$before" ]
}

@test "500 connections at once to one server are all told apart" {
	wire outbound many
}

@test "the container and the host use one port of their own to one server, and get their own answers" {
	local port

	# One that the masquerade keeps where it is free, and one that belongs to the host's sockets.
	for port in 20000 61000; do
		open_end mine host -p "$port" 192.168.50.9 80
		say mine echo
		say mine "of the host"
		lab_wait 3 "the host's answer" heard mine "of the host"
		open_end theirs cont -p "$port" 192.168.50.9 80
		say theirs echo
		say theirs "of the container"
		lab_wait 3 "the container's answer" heard theirs "of the container"
		say mine "again of the host"
		lab_wait 3 "the host's answer" heard mine "again of the host"
		run ! heard mine "of the container"
		run ! heard theirs "again of the host"
		close_end mine
		close_end theirs
	done
}

@test "nobody but the server that was asked gets an answer into the container" {
	wire outbound only_who_was_asked
}

@test "flows shows an outbound connection with the address that it is masqueraded with" {
	open_end out cont -p 61001 192.168.50.9 80
	say out echo
	say out "hello"
	lab_wait 3 "the answer" heard out "hello"
	lab_scoutbpf -j flows | jq -e '.[] | select(.client == "10.0.3.2:61001") |
		.kind == "outbound" and .proto == "tcp" and .state == "established" and
		.interface == "eth0" and .target == "192.168.50.9:80" and
		(.local | startswith("192.168.50.1:"))'
	close_end out
}

@test "egress none refuses all that is new, and cuts what runs" {
	local before

	open_end out cont 192.168.50.9 80
	say out echo
	say out "before"
	lab_wait 3 "the answer" heard out "before"
	configure egress=none
	lab_scoutbpf load
	before=$(drops egress)
	refused cont 192.168.50.9 80
	refused cont 10.1.0.6 80
	no_udp_answer cont 192.168.50.9 53
	run -1 lab_in cont ping -qc1 -W0.2 192.168.50.9
	[ "$(drops egress)" -ge $((before + 4)) ]
	say_in_vain out cont "after"
	run ! heard out "after"
	run -0 ask exp 10.1.0.2 2000 who
	close_end out
}

@test "egress vpn lets the container out by the VPN alone" {
	configure egress=vpn
	lab_scoutbpf load
	run -0 ask cont 10.1.0.6 80 who
	refused cont 192.168.50.9 80
	refused cont "$INTERNET" 80
	lab_in host ip route replace default via 10.1.0.6
	run -0 ask cont "$INTERNET" 80 who
}

@test "egress internet keeps the container out of private networks" {
	configure egress=internet
	lab_scoutbpf load
	run -0 ask cont "$INTERNET" 80 who
	refused cont 10.1.0.6 80
	refused cont 192.168.50.9 80
}

@test "the container does not reach the host, whatever address it asks" {
	local address before

	before=$(drops to_host)
	for address in 10.0.3.1 10.1.0.2 192.168.50.1; do
		refused cont "$address" 23
		refused cont "$address" 5000
		no_udp_answer cont "$address" 5000
	done
	[ "$(drops to_host)" -ge $((before + 9)) ]
	lab_scoutbpf map lan on
	lab_scoutbpf map host-control on
	refused cont 10.0.3.1 23
	lab_scoutbpf map host-control off
	lab_scoutbpf map lan off
	run ! grep -E '^(tcp|udp) ' "$LAB_DIR/serve-host-23.log"
}

@test "the container does not get out over IPv6, nor to the host" {
	local to_host out

	_lab_address host ve-container fd00:3::1/64
	_lab_address cont host0 fd00:3::2/64
	lab_in cont ip -6 route replace default via fd00:3::1
	lab_scoutbpf load
	to_host=$(drops to_host) out=$(drops ipv6)
	refused cont fd00:3::1 23
	refused cont fd00:3::1 5000
	refused cont fd00:50::1 23
	no_udp_answer cont fd00:3::1 5000
	[ "$(drops to_host)" -ge $((to_host + 4)) ]
	refused cont fd00:50::9 80
	[ "$(drops ipv6)" -gt "$out" ]
	lab_in cont ping -qc1 -W1 fd00:3::1
	run ! grep -E '^(tcp|udp) ' "$LAB_DIR/serve-host-23.log"
}

@test "the container cannot use an address that is not its own" {
	local before foreign

	for foreign in 10.0.3.77 10.1.0.6 192.168.50.77; do
		before=$(drops spoofed)
		ip -n "$LAB_PREFIX-cont" address add "$foreign/32" dev lo
		run lab_in cont timeout 0.2 nc -n -w 1 -s "$foreign" 192.168.50.9 80 <<<who
		[ "$output" = "" ]
		ip -n "$LAB_PREFIX-cont" address del "$foreign/32" dev lo
		[ "$(drops spoofed)" -gt "$before" ]
	done
	run ! grep -E "10.0.3.77|192.168.50.77" "$LAB_DIR/serve-lan-53.log"
}

@test "the container pings the host, and the host the container" {
	lab_in cont ping -qc1 -W1 10.0.3.1
	lab_in cont ping -qc1 -W1 10.1.0.2
	lab_in host ping -qc1 -W1 10.0.3.2
}

@test "the host's own connections to the container work" {
	run -0 ask host 10.0.3.2 2000 who -p 61002
	[ "$output" = "10.0.3.1:61002 10.0.3.2:2000" ]
	[ "$(ask host 10.0.3.2 2000 give | sha256sum)" = "$(sha256sum <"$LAB_DIR/blob")" ]
	run -0 ask_udp host 10.0.3.2 2000 hello -p 61003
	[ "$output" = "10.0.3.1:61003 10.0.3.2:2000 hello" ]
}

@test "nothing was received with a wrong checksum" {
	no_bad_checksums exp lan host cont
}
