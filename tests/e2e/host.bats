#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The host itself: closed to the outside, free to talk, and its host control.

load helpers

setup_file()
{
	start_lab forward="22 2000-2009 udp/2000"
	ip -n "$LAB_PREFIX-lan" address add 192.168.50.10/24 dev eth0
	lab_scoutbpf load
	serve cont 22 2000
	serve host 22 23 5000
	serve lan 53 80
	serve exp 53 80
	lab_wait 5 "the link-local addresses" link_local_ready
}

teardown_file()
{
	lab_down
}

setup()
{
	# A test that failed half-way may have left anything.
	configure icmp-echo=on host-control-port=23
	lab_scoutbpf load
}

# NS INTERFACE
link_local()
{
	ip -n "$LAB_PREFIX-$1" -6 -j address show dev "$2" scope link -tentative |
		jq -er '[.[].addr_info[]?.local | strings][0]'
}

link_local_ready()
{
	link_local host eth0 && link_local host tap0 && link_local lan eth0 && link_local exp tap0
}

# NS INTERFACE ADDRESS NEIGHBOUR: asks as the kernel does before it forgets an address
probe()
{
	local mac=$2

	case $2 in
	host0) mac=ve-container ;;
	ve-container) mac=host0 ;;
	esac
	ip -n "$LAB_PREFIX-$1" neighbour replace "$3" dev "$2" nud probe lladdr "$(mac_of "$4" "$mac")"
	lab_wait 3 "$3 to be confirmed to $1" is_reachable "$1" "$2" "$3"
}

is_reachable()
{
	ip -n "$LAB_PREFIX-$1" neighbour show "$3" dev "$2" nud reachable | grep -q .
}

refused()
{
	[[ $(lab_probe "$1" "$2" "$3" 0.15) == "no answer" ]]
}

@test "no port of the host answers by default, IPv4 or IPv6" {
	local before address

	before=$(drops host_control_off)
	for address in 192.168.50.1 fd00:50::1 "$(link_local host eth0)%eth0"; do
		refused lan "$address" 23
		refused lan "$address" 5000
	done
	for address in 10.1.0.2 fd00:1::2 "$(link_local host tap0)%tap0"; do
		refused exp "$address" 23
		refused exp "$address" 5000
	done
	[ "$(drops host_control_off)" -ge $((before + 6)) ]
	no_udp_answer exp 10.1.0.2 5000
	no_udp_answer lan 192.168.50.1 5000
	no_udp_answer lan fd00:50::1 5000
	run ! grep -E '^(tcp|udp) ' "$LAB_DIR/serve-host-22.log"
}

@test "a port that is forwarded on IPv4 does not open the host's own on IPv6" {
	local before

	before=$(drops ipv6)
	refused exp fd00:1::2 22
	refused exp "$(link_local host tap0)%tap0" 22
	lab_scoutbpf map lan on
	refused lan fd00:50::1 22
	lab_scoutbpf map lan off
	[ "$(drops ipv6)" -ge $((before + 3)) ]
	run ! grep -E '^tcp ' "$LAB_DIR/serve-host-22.log"
}

@test "host control opens the host to the VPN, IPv4 and IPv6, and not to the LAN" {
	lab_scoutbpf map host-control on
	run -0 ask exp 10.1.0.2 23 who -p 10000
	[ "$output" = "10.1.0.6:10000 10.1.0.2:23" ]
	run -0 ask exp fd00:1::2 23 who -p 10001
	[ "$output" = "[fd00:1::6]:10001 [fd00:1::2]:23" ]
	[ "$(ask exp 10.1.0.2 23 give | sha256sum)" = "$(sha256sum <"$LAB_DIR/blob")" ]
	refused lan 192.168.50.1 23
	refused lan fd00:50::1 23
	refused exp 10.1.0.2 5000
	lab_scoutbpf map host-control off
	refused exp 10.1.0.2 23
}

@test "host control from the LAN needs LAN access, too" {
	lab_scoutbpf map lan on
	refused lan 192.168.50.1 23
	lab_scoutbpf map host-control on
	run -0 ask lan 192.168.50.1 23 who -p 10002
	[ "$output" = "192.168.50.9:10002 192.168.50.1:23" ]
	lab_scoutbpf map lan off
	refused lan 192.168.50.1 23
	lab_scoutbpf map host-control off
}

@test "host control off cuts the running session for good, both ways" {
	local round

	configure host-control-port=24
	lab_scoutbpf load
	lab_scoutbpf map host-control on
	listen_end there host 24
	open_end control exp 10.1.0.2 24
	say control "under control"
	lab_wait 3 "the command" heard there "under control"
	say there "indeed"
	lab_wait 3 "the answer" heard control "indeed"
	for round in off on; do
		lab_scoutbpf map host-control "$round"
		say_in_vain control exp "no more"
		say_in_vain there host "no answer"
	done
	run ! heard there "no more"
	run ! heard control "no answer"
	lab_scoutbpf map host-control off
	close_end control
	close_end there
}

@test "LAN access off cuts a host control session of the LAN and spares the VPN's" {
	lab_scoutbpf map lan on
	lab_scoutbpf map host-control on
	open_end guest lan 192.168.50.1 23
	open_end expert exp 10.1.0.2 23
	say guest echo
	say expert echo
	say guest "one"
	say expert "two"
	lab_wait 3 "the echo" heard guest "one"
	lab_wait 3 "the echo" heard expert "two"
	lab_scoutbpf map lan off
	say_in_vain guest lan "three"
	say expert "four"
	lab_wait 3 "the echo" heard expert "four"
	run ! heard guest "three"
	lab_scoutbpf map host-control off
	close_end guest
	close_end expert
}

@test "the host's own connections work with everything closed" {
	local sum

	sum=$(sha256sum <"$LAB_DIR/blob")
	run -0 ask host 192.168.50.9 80 who -p 15000
	[ "$output" = "192.168.50.1:15000 192.168.50.9:80" ]
	run -0 ask host 10.1.0.6 80 who -p 15001
	[ "$output" = "10.1.0.2:15001 10.1.0.6:80" ]
	run -0 ask host fd00:50::9 80 who -p 15002
	[ "$output" = "[fd00:50::1]:15002 [fd00:50::9]:80" ]
	run -0 ask host "$(link_local exp tap0)%tap0" 80 who
	[ "$(ask host 192.168.50.9 80 give | sha256sum)" = "$sum" ]
	[ "$(ask host fd00:1::6 80 give | sha256sum)" = "$sum" ]
	run -0 ask_udp host 192.168.50.9 53 query -p 15003
	[ "$output" = "192.168.50.1:15003 192.168.50.9:53 query" ]
	run -0 ask_udp host 10.1.0.6 53 query -p 15004
	[ "$output" = "10.1.0.2:15004 10.1.0.6:53 query" ]
	run -0 ask_udp host fd00:50::9 53 query -p 15005
	[ "$output" = "[fd00:50::1]:15005 [fd00:50::9]:53 query" ]
	lab_in host ping -qc1 -W1 192.168.50.9
	lab_in host ping -qc1 -W1 10.1.0.6
	lab_in host ping -qc1 -W1 fd00:50::9
}

@test "a connection of the host that is refused by the other end fails at once" {
	[ "$(lab_probe host 192.168.50.9 81 2)" = "reset" ]
	[ "$(lab_probe host fd00:50::9 81 2)" = "reset" ]
	wire hostside icmp_error
}

@test "only who was asked can answer the host" {
	wire hostside only_who_was_asked
}

@test "a connection that the host opened before the load survives it" {
	local slow=$LAB_DIR/slow

	lab_scoutbpf unload
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_spawn host before-load bash -c 'nc -n 192.168.50.9 80 <<<drip >"$0"' "$slow"
	open_end idle host 10.1.0.6 80
	say idle echo
	say idle "before"
	lab_wait 3 "the echo" heard idle "before"
	lab_wait 3 "the transfer to begin" test -s "$slow"
	lab_scoutbpf load
	[ "$(stat -c %s "$slow")" -lt 4194304 ]
	lab_wait 5 "the transfer to end" cmp "$slow" "$LAB_DIR/blob"
	say idle "after"
	lab_wait 3 "the echo" heard idle "after"
	close_end idle
}

@test "a host control session that is older than the load is cut where host control is off" {
	local before

	lab_scoutbpf unload
	open_end early exp 10.1.0.2 23
	say early echo
	say early "before"
	lab_wait 3 "the echo" heard early "before"
	lab_scoutbpf load
	before=$(drops no_flow)
	say early "after"
	lab_wait 3 "the drop" more_drops no_flow "$before"
	run ! heard early "after"
	close_end early
}

@test "the host answers a ping, unless icmp-echo is off" {
	local before

	lab_in exp ping -qc1 -W1 10.1.0.2
	lab_in lan ping -qc1 -W1 192.168.50.1
	lab_in exp ping -qc1 -W1 fd00:1::2
	lab_in lan ping -qc1 -W1 "$(link_local host eth0)%eth0"
	lab_in exp ping -qc1 -W1 -s 1400 10.1.0.2

	configure icmp-echo=off
	lab_scoutbpf load
	before=$(drops icmp_type)
	run -1 lab_in exp ping -qc1 -W0.2 10.1.0.2
	run -1 lab_in lan ping -qc1 -W0.2 192.168.50.1
	run -1 lab_in exp ping -qc1 -W0.2 fd00:1::2
	[ "$(drops icmp_type)" = $((before + 3)) ]
	lab_in host ping -qc1 -W1 10.1.0.6
}

@test "neighbours are found and confirmed on both sides, IPv4 and IPv6" {
	local sides=("lan eth0 192.168.50.1 host" "lan eth0 fd00:50::1 host"
		"exp tap0 10.1.0.2 host" "exp tap0 fd00:1::2 host" "host eth0 192.168.50.9 lan"
		"host eth0 fd00:50::9 lan" "cont host0 10.0.3.1 host" "host ve-container 10.0.3.2 cont")
	local side neighbour ns

	for side in "${sides[@]}"; do
		read -ra neighbour <<<"$side"
		probe "${neighbour[@]}"
	done
	for ns in lan host exp cont; do
		ip -n "$LAB_PREFIX-$ns" neighbour flush all
		ip -n "$LAB_PREFIX-$ns" -6 neighbour flush all
	done
	run -0 ask host fd00:50::9 80 who
	run -0 ask host 192.168.50.9 80 who
	run -0 ask exp 10.1.0.2 2000 who
}

@test "the answers of a dhcp server reach the host with LAN access off" {
	wire hostside dhcp
}

@test "a dhcp client gets its lease with LAN access off" {
	type -P dhclient dnsmasq >/dev/null || skip "dhclient or dnsmasq is missing"
	lab_spawn lan dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --user=root --port=0 \
		--interface=eth0 --bind-interfaces --dhcp-authoritative --no-ping \
		--dhcp-range=192.168.50.100,192.168.50.150,2m \
		--dhcp-leasefile="$LAB_DIR/dnsmasq.leases" --pid-file=
	echo "initial-delay 0;" >"$LAB_DIR/dhclient.conf"
	# The script that would configure the interface is left out.
	lab_spawn host dhclient dhclient -d -1 -v -sf /bin/true -cf "$LAB_DIR/dhclient.conf" \
		-lf "$LAB_DIR/dhclient.leases" -pf "$LAB_DIR/dhclient.pid" eth0
	lab_wait 15 "the lease" grep -q "^bound to 192.168.50.1[0-9][0-9]" "$LAB_DIR/dhclient.log"
}

@test "nothing was received with a wrong checksum" {
	no_bad_checksums exp lan host cont
}
