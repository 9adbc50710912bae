#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The main job over every kind of VPN device, and to every kind of container interface.

load helpers

# One gateway with three VPNs (a veth, a tun, a tap) and four containers: behind a veth, behind a
# bridge of the host, behind a bridge of their own, and one whose interface is down at first.
setup_file()
{
	[ -c /dev/net/tun ] || skip "/dev/net/tun is missing"
	start_lab vpn="tap0 tun0 tap1" forward="2000-2009 udp/2000"
	shuttle tun tun0 10.2.0 fd00:2:
	shuttle tap tap1 10.4.0 fd00:4:
	container bridge lxcbr0 10.0.4 3000
	container nested ve-nested 10.0.5 4000
	container late ve-late 10.0.6 5000
	host_bridge
	own_bridge
	lab_veth host ve-late late host0
	_lab_address host ve-late 10.0.6.1/24
	_lab_address late host0 10.0.6.2/24
	_lab_route late default 10.0.6.1
	lab_in late ip link set host0 down
	lab_scoutbpf load
	serve exp 53 80
	serve lan 53 80
	serve cont 2000 2001
	serve bridge 2000 2001
	serve nested 2000 2001
	serve late 2000 2001
}

teardown_file()
{
	lab_down
}

# KIND INTERFACE NETWORK4 NETWORK6
shuttle()
{
	lab_spawn host "shuttle-$2" "$PYTHON" "$E2E/shuttle.py" "$1" host "$2" exp "$2"
	lab_wait 5 "$2 in host" ip -n "$LAB_PREFIX-host" link set "$2" up
	lab_wait 5 "$2 in exp" ip -n "$LAB_PREFIX-exp" link set "$2" up
	_lab_address host "$2" "$3.2/24" "$4:2/64"
	_lab_address exp "$2" "$3.6/24" "$4:6/64"
}

# NAME INTERFACE NETWORK PORT
container()
{
	lab_ns "$1"
	cat >>"$LAB_DIR/scoutbpf.conf" <<-END

		[container $1]
		interface = $2
		address = $3.2
		forward = $4-$(($4 + 9)):2000 udp/$4:2000
	END
}

# As LXC, Docker and libvirt do it.
host_bridge()
{
	lab_veth host veth-lxc bridge eth0
	lab_in host ip link add lxcbr0 type bridge forward_delay 0
	lab_in host ip link set veth-lxc master lxcbr0
	lab_in host ip link set lxcbr0 up
	_lab_address host lxcbr0 10.0.4.1/24
	_lab_address bridge eth0 10.0.4.2/24
	_lab_route bridge default 10.0.4.1
}

# A container that bridges its interface, say for virtual machines. The address is the bridge's,
# the link address as well, so that a packet that was sent to the veth's own is one for others.
own_bridge()
{
	lab_veth host ve-nested nested host0
	_lab_address host ve-nested 10.0.5.1/24
	lab_in nested ip link add br0 address 02:00:00:00:05:02 type bridge forward_delay 0
	lab_in nested ip link set host0 master br0
	lab_in nested ip link set br0 up
	_lab_address nested br0 10.0.5.2/24
	_lab_route nested default 10.0.5.1
}

# Tells the containers' namespaces, addresses and first ports.
CONTAINERS=("cont 10.0.3.2 2000" "bridge 10.0.4.2 3000" "nested 10.0.5.2 4000")

# LOCAL CLIENT NS CONTAINER PORT: in from exp
forwards()
{
	local sum

	sum=$(sha256sum <"$LAB_DIR/blob")
	run -0 ask exp "$1" "$5" who
	[[ $output =~ ^$2:[0-9]+\ $4:2000$ ]]
	run -0 ask_udp exp "$1" "$5" hello
	[[ $output =~ ^$2:[0-9]+\ $4:2000\ hello$ ]]
	run -0 lab_in exp timeout 20 nc -n -N "$1" $(($5 + 1)) < <(echo take && cat "$LAB_DIR/blob")
	[ "$output" = "4194304 ${sum%% *}" ]
	[ "$(ask exp "$1" "$5" give | sha256sum)" = "$sum" ]
	[ "$(lab_probe exp "$1" $(($5 + 10)) 0.15)" = "no answer" ]
}

# SOURCE SERVER NS: out of the container
masquerades()
{
	run -0 ask "$3" "$2" 80 who
	[[ $output =~ ^$1:[0-9]+\ $2:80$ ]]
	run -0 ask_udp "$3" "$2" 53 query
	[[ $output =~ ^$1:[0-9]+\ $2:53\ query$ ]]
	[ "$(ask "$3" "$2" 80 give | sha256sum)" = "$(sha256sum <"$LAB_DIR/blob")" ]
	lab_in "$3" ping -qc1 -W1 "$2"
}

# NETWORK of the VPN
main_job()
{
	local container

	for container in "${CONTAINERS[@]}"; do
		read -ra container <<<"$container"
		forwards "$1.2" "$1.6" "${container[@]}"
		masquerades "$1.2" "$1.6" "${container[0]}"
	done
	no_bad_checksums exp host cont bridge nested
}

# NETWORK4 NETWORK6: the host itself is closed, and reaches out
host_is_closed()
{
	local before

	before=$(drops host_control_off)
	[ "$(lab_probe exp "$1.2" 23 0.15)" = "no answer" ]
	[ "$(lab_probe exp "$2:2" 23 0.15)" = "no answer" ]
	[ "$(drops host_control_off)" -ge $((before + 2)) ]
	lab_in exp ping -qc1 -W1 "$1.2"
	lab_in exp ping -qc1 -W1 "$2:2"
	run -0 ask host "$1.6" 80 who
	run -0 ask host "$2:6" 80 who
	run -0 ask_udp host "$1.6" 53 query
}

@test "a veth as the VPN: forwards and masquerade, to each container" {
	main_job 10.1.0
}

@test "a tun as the VPN: forwards and masquerade, to each container" {
	main_job 10.2.0
}

@test "a tun as the VPN: packets have a sound link header in the container" {
	wire devices link_header
}

@test "a tun as the VPN: the host is closed and reaches out" {
	host_is_closed 10.2.0 fd00:2:
}

@test "a tap as the VPN: forwards and masquerade, to each container" {
	main_job 10.4.0
}

@test "a tap as the VPN: the host is closed and reaches out" {
	host_is_closed 10.4.0 fd00:4:
}

@test "a tun as the VPN: host control opens, and is cut" {
	serve host 23
	lab_scoutbpf map host-control on
	open_end control exp 10.2.0.2 23
	say control echo
	say control "under control"
	lab_wait 3 "the echo" heard control "under control"
	lab_scoutbpf map host-control off
	say_in_vain control exp "no more"
	run ! heard control "no more"
	close_end control
}

@test "the LAN: forwards and masquerade, to each container" {
	local container

	lab_scoutbpf map lan on
	for container in "${CONTAINERS[@]}"; do
		read -ra container <<<"$container"
		run -0 ask lan 192.168.50.1 "${container[2]}" who
		[[ $output =~ ^192.168.50.9:[0-9]+\ ${container[1]}:2000$ ]]
		masquerades 192.168.50.1 192.168.50.9 "${container[0]}"
	done
	lab_scoutbpf map lan off
}

@test "one container does not reach another" {
	local from to

	for from in "${CONTAINERS[@]}"; do
		for to in "${CONTAINERS[@]}"; do
			[[ $from != "$to" ]] || continue
			read -ra to <<<"$to"
			[ "$(lab_probe "${from%% *}" "${to[1]}" 2000 0.1)" = "no answer" ]
		done
	done
}

@test "two containers use one port of their own to one server, and get their own answers" {
	# In the masquerade's own range, where a port is kept that is free.
	open_end one cont -p 20000 10.1.0.6 80
	open_end two bridge -p 20000 10.1.0.6 80
	open_end three nested -p 20000 10.1.0.6 80
	say one echo
	say two echo
	say three echo
	say one "of one"
	say two "of two"
	say three "of three"
	lab_wait 3 "the answer to one" heard one "of one"
	lab_wait 3 "the answer to two" heard two "of two"
	lab_wait 3 "the answer to three" heard three "of three"
	close_end one
	close_end two
	close_end three
}

@test "a container whose interface was down at the load is reached once it is up" {
	[ "$(lab_probe exp 10.1.0.2 5000 0.2)" = "no answer" ]
	lab_in late ip link set host0 up
	_lab_route late default 10.0.6.1
	lab_wait 3 "the container to answer" ask exp 10.1.0.2 5000 who
	forwards 10.1.0.2 10.1.0.6 late 10.0.6.2 5000
	forwards 10.2.0.2 10.2.0.6 late 10.0.6.2 5000
	masquerades 10.1.0.2 10.1.0.6 late
}

@test "a container's interface that goes down and up again is reached again" {
	run -0 ask exp 10.1.0.2 2000 who
	lab_in cont ip link set host0 down
	[ "$(lab_probe exp 10.1.0.2 2000 0.2)" = "no answer" ]
	lab_in cont ip link set host0 up
	_lab_route cont default 10.0.3.1
	lab_wait 3 "the container to answer" ask exp 10.1.0.2 2000 who
	forwards 10.2.0.2 10.2.0.6 cont 10.0.3.2 2000
}

@test "a container that changes its link address is reached at once" {
	lab_in cont ip link set host0 address 02:00:00:00:03:99
	run -0 ask exp 10.1.0.2 2000 who
	run -0 ask exp 10.2.0.2 2000 who
	run -0 ask cont 10.1.0.6 80 who
}

@test "hook = clsact: the same over each device, with no tcx left" {
	configure hook=clsact
	lab_scoutbpf load
	lab_scoutbpf -j status | jq -e '[.interfaces[].hook] | unique == ["clsact"]'
	main_job 10.1.0
	main_job 10.2.0
	main_job 10.4.0
	host_is_closed 10.2.0 fd00:2:
}
