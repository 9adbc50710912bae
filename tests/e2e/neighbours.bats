#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Other users of the same hooks and interfaces: their filters, qdiscs, firewalls, sysctls.

bats_require_minimum_version 1.5.0
load helpers
load lifecycle

setup_file()
{
	start_lab
	foreign_program
	serve cont 22 2000
	serve host 23
	serve lan 7000
}

teardown_file()
{
	lab_down
}

setup()
{
	lab_config
}

# The neighbours move out.
teardown()
{
	local interface qdisc

	lab_scoutbpf unload
	rm -f "$LAB_DIR"/bpf/foreign-*
	lab_in host nft flush ruleset
	lab_in cont nft flush ruleset
	for interface in "${GUARDED[@]}"; do
		for qdisc in clsact ingress root; do
			tc_host qdisc del dev "$interface" $qdisc 2>/dev/null || :
		done
	done
}

in_host()
{
	ip -n "$LAB_PREFIX-host" "$@"
}

tc_host()
{
	lab_in host tc "$@"
}

# What another tool does: its own priority, at both sides of an interface.
foreign_filters()
{
	local side

	tc_host qdisc replace dev "$1" clsact
	for side in ingress egress; do
		tc_host filter add dev "$1" $side "${@:2}" bpf da pinned "$LAB_DIR/bpf/foreign"
	done
}

# "SIDE HOOK NAME", in order
standing()
{
	programs "$1" | cut -d' ' -f2-4
}

# From the VPN: a session, and 4 MiB each way.
forwards_work()
{
	local sum

	run -0 ask exp 10.1.0.2 22 who
	[[ $output == *" 10.0.3.2:22" ]] || return
	sum=$(sha256sum <"$LAB_DIR/blob")
	lab_in exp timeout 20 nc -n -N -w 5 10.1.0.2 2000 <<<give >"$LAB_DIR/given"
	cmp "$LAB_DIR/given" "$LAB_DIR/blob" || return
	run -0 taken
	[[ $output == "4194304 ${sum%% *}" ]]
}

taken()
{
	{
		echo take
		cat "$LAB_DIR/blob"
	} | lab_in exp timeout 20 nc -n -N -w 5 10.1.0.2 2000
}

# The other way: what the container opens itself.
container_reaches_out()
{
	run -0 ask cont 192.168.50.9 7000 who
	[[ $output == "192.168.50.1:"* ]]
}

# COMMAND...: makes the other tool's program count more than before
counts()
{
	local before

	before=$(foreign_count)
	"$@"
	(($(foreign_count) > before)) || { echo "$*: not counted" && return 1; }
}

# How many packets have passed the rule of `watched`.
passed()
{
	lab_in "$1" nft list ruleset | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p' | tail -n 1
}

# NS INTERFACE MATCH: counts what comes in there behind tc
watched()
{
	lab_in "$1" nft -f - <<-END
		table netdev watched {
			chain in {
				type filter hook ingress device "$2" priority 0;
				$3 counter
			}
		}
	END
}

# --- filters ---

@test "another tool's tcx program stays, behind ours, and sees what we pass" {
	for side in in out; do
		lab_in host "$PYTHON" "$E2E/lifecycle.py" attach tap0 "$side" "$LAB_DIR/bpf/foreign" \
			"$LAB_DIR/bpf/foreign-$side"
	done
	succeeds load
	guarded tcx
	[ "$(standing tap0)" = "in tcx vpn_in_eth
in tcx foreign
out tcx vpn_out_eth
out tcx foreign" ]
	counts lab_in exp ping -c 3 -i 0.01 -W 1 10.1.0.2
	forwards_work
	succeeds load
	succeeds unload
	[ "$(standing tap0)" = "in tcx foreign
out tcx foreign" ]
	counts lab_in exp ping -c 3 -i 0.01 -W 1 10.1.0.2
}

@test "a tcx program that comes later stays when we go" {
	succeeds load
	lab_in host "$PYTHON" "$E2E/lifecycle.py" attach eth0 in "$LAB_DIR/bpf/foreign" \
		"$LAB_DIR/bpf/foreign-in"
	succeeds load
	guarded tcx
	counts lab_in lan ping -c 3 -i 0.01 -W 1 192.168.50.1
	succeeds unload
	[ "$(standing eth0)" = "in tcx foreign" ]
}

@test "another tool's clsact filter stays under our tcx and sees what we pass" {
	foreign_filters tap0
	succeeds load
	guarded tcx
	counts lab_in exp ping -c 3 -i 0.01 -W 1 10.1.0.2
	forwards_work
	succeeds unload
	[ "$(standing tap0)" = "in clsact foreign
out clsact foreign" ]
}

@test "hook = clsact: another tool's filter stays, behind ours, and sees what we pass" {
	configure hook=clsact
	foreign_filters eth0
	succeeds load
	guarded clsact
	[ "$(standing eth0)" = "in clsact lan_in_eth
in clsact foreign
out clsact lan_out_eth
out clsact foreign" ]
	counts lab_in lan ping -c 3 -i 0.01 -W 1 192.168.50.1
	silent lan 192.168.50.1 23
	succeeds load
	succeeds unload
	[ "$(standing eth0)" = "in clsact foreign
out clsact foreign" ]
	counts lab_in lan ping -c 3 -i 0.01 -W 1 192.168.50.1
}

@test "hook = clsact: a filter of our own priority does not get past us" {
	configure hook=clsact
	foreign_filters eth0 prio 1
	succeeds load
	guarded clsact
	[ "$(programs eth0 | head -n 1 | cut -d' ' -f2-4)" = "in clsact lan_in_eth" ]
	silent lan 192.168.50.1 23
	succeeds unload
	[ "$(standing eth0)" = "in clsact foreign
out clsact foreign" ]
}

@test "what we drop, nobody behind us sees" {
	watched host eth0 "tcp dport { 22, 23 }"
	succeeds load
	silent lan 192.168.50.1 22
	silent lan 192.168.50.1 23
	[ "$(passed host)" = 0 ]
	succeeds unload
	lab_wait 5 "the host's answer" answers lan 192.168.50.1 23
	(($(passed host) > 0))
}

@test "tcx does not mind when another tool deletes the qdisc" {
	succeeds load
	tc_host qdisc add dev eth0 clsact
	tc_host qdisc add dev tap0 clsact
	going knock lan knock 192.168.50.1 22 23
	going stream exp stream 10.1.0.2 22
	for _ in 1 2 3 4 5; do
		tc_host qdisc del dev eth0 clsact
		tc_host qdisc del dev tap0 clsact
		tc_host qdisc add dev eth0 clsact
		tc_host qdisc add dev tap0 clsact
	done
	guarded tcx
	run -0 ended knock
	[[ $output == "0 answers to "* ]]
	run -0 ended stream
	[[ $output == "intact "* ]]
	is status '.problems == []'
}

@test "an ingress qdisc is no obstacle to tcx" {
	tc_host qdisc add dev eth0 ingress
	tc_host qdisc add dev tap0 ingress
	succeeds load
	guarded tcx
	forwards_work
	succeeds unload
	tc_host qdisc show dev eth0 | grep -q "qdisc ingress"
	nothing_left
}

@test "an ingress qdisc and hook = clsact: guarded, or refused with the interface's name" {
	configure hook=clsact
	tc_host qdisc add dev eth0 ingress
	run --separate-stderr lab_scoutbpf load
	if ((status)); then
		_one_line 1 "eth0"
		nothing_left
	else
		guarded clsact
	fi
	tc_host qdisc show dev eth0 | grep -q "qdisc ingress"
}

# --- firewalls ---

@test "nftables with connection tracking and masquerade does not disturb forwards" {
	lab_in host nft -f - <<-'END'
		table inet filter {
			chain input {
				type filter hook input priority 0; policy accept;
				ct state invalid drop
			}
			chain forward {
				type filter hook forward priority 0; policy drop;
				ct state invalid drop
			}
			chain output {
				type filter hook output priority 0; policy accept;
				ct state invalid drop
			}
		}
		table ip nat {
			chain postrouting {
				type nat hook postrouting priority 100; policy accept;
				masquerade
			}
		}
	END
	succeeds load
	forwards_work
	container_reaches_out
	# The client is still itself.
	run -0 ask exp 10.1.0.2 22 who -p 40000
	[ "$output" = "10.1.0.6:40000 10.0.3.2:22" ]
	# The host's own connections, both ways.
	run -0 ask host 192.168.50.9 7000 who
	succeeds map host-control on
	answers exp 10.1.0.2 23
	# Forwarded connections are none of the host's: nothing half is tracked.
	if [ -e /proc/net/nf_conntrack ]; then
		run ! lab_in host grep -E "dport=(22|2000) " /proc/net/nf_conntrack
	fi
}

# From 6.15 on the kernel sees to that itself where it redirects to a peer.
@test "a mark that is set before us does not reach the container" {
	lab_in host nft -f - <<-'END'
		table netdev early {
			chain in {
				type filter hook ingress device "tap0" priority -500;
				meta mark set 7
			}
		}
	END
	lab_in cont nft -f - <<-'END'
		table inet seen {
			chain in {
				type filter hook input priority 0;
				meta mark 7 counter
				meta mark 0 counter
			}
		}
	END
	succeeds load
	forwards_work
	run -0 lab_in cont nft list chain inet seen in
	# It is a test only if the mark is set: tap0's own traffic tells.
	lab_in host nft add table inet own
	lab_in host nft 'add chain inet own in { type filter hook input priority 0; }'
	lab_in host nft 'add rule inet own in meta mark 7 counter'
	lab_in exp ping -c 1 -W 1 10.1.0.2
	lab_in host nft list chain inet own in | grep -q "counter packets [1-9]"
	grep -qE "mark 0x0+7 counter packets 0 " <<<"$output"
	grep -qE "mark 0x0+ counter packets [1-9]" <<<"$output"
}

# --- qdiscs and sysctls ---

@test "fair queueing on every interface loses nothing" {
	local interface

	tc_host qdisc replace dev tap0 root fq 2>/dev/null || skip "the kernel has no fq (sch_fq)"
	for interface in eth0 ve-container; do
		tc_host qdisc replace dev "$interface" root fq
	done
	lab_in cont tc qdisc replace dev host0 root fq
	succeeds load
	forwards_work
	container_reaches_out
	for interface in tap0 eth0 ve-container; do
		run ! eval "tc_host -s qdisc show dev $interface | grep -E 'dropped [1-9]|horizon_drops [1-9]'"
	done
}

@test "a class-based queue on every interface loses nothing" {
	local interface

	for interface in tap0 eth0 ve-container; do
		tc_host qdisc replace dev "$interface" root handle 1: htb default 1 2>/dev/null ||
			skip "the kernel has no htb (sch_htb)"
		tc_host class add dev "$interface" parent 1: classid 1:1 htb rate 10gbit
	done
	succeeds load
	forwards_work
	container_reaches_out
}

@test "strict reverse path filtering does not stop forwards" {
	local interface

	for interface in all default tap0 eth0 ve-container; do
		lab_in host sysctl -qw "net.ipv4.conf.$interface.rp_filter=1"
	done
	succeeds load
	forwards_work
	container_reaches_out
	succeeds map lan on
	answers lan 192.168.50.1 22
	# The default route by way of the VPN, as for a client from far away.
	in_host route replace default via 10.1.0.6
	lab_in lan ip address add 198.51.100.9/32 dev lo
	lab_in lan ip route replace 192.168.50.1 dev eth0 src 198.51.100.9
	run -0 ask lan 192.168.50.1 22 who
	[[ $output == "198.51.100.9:"* ]]
	lab_in exp ip address add 198.51.100.6/32 dev lo
	run -0 ask exp 10.1.0.2 22 who -s 198.51.100.6
	[[ $output == "198.51.100.6:"* ]]
}

@test "sysctls of the host are not changed, except forwarding of lo" {
	local before

	settings()
	{
		lab_in host sysctl -a 2>/dev/null | grep -E '^net\.ipv[46]\.' |
			grep -vE 'conf\.lo\.forwarding|random|\.neigh\.|nr_|_mem |tcp_fastopen_key|stable_secret'
	}
	before=$(settings)
	[[ $before == *ip_forward* ]]
	succeeds load
	diff <(echo "$before") <(settings)
	succeeds unload
	diff <(echo "$before") <(settings)
}

# --- interfaces that come and go ---

ifindex()
{
	in_host -j link show dev "$1" | jq '.[0].ifindex'
}

restart_container()
{
	in_host link del ve-container
	new_veth
}

new_veth()
{
	lab_veth host ve-container cont host0
	_lab_address host ve-container 10.0.3.1/24
	_lab_address cont host0 10.0.3.2/24
	_lab_route cont default 10.0.3.1
}

@test "a container that restarts is reached again after a load" {
	succeeds load
	forwards_work
	restart_container
	interface_is ve-container unguarded
	is status '.problems | any(test("ve-container"))'
	silent exp 10.1.0.2 22
	succeeds load
	guarded tcx
	forwards_work
	container_reaches_out
	is status '.problems == []'
	# Nothing of the interface that is gone is kept.
	[ "$(find "$LAB_DIR/$PINS/links" -type f | wc -l)" = 6 ]
}

@test "an interface that gets the container's old number receives nothing" {
	local index before

	succeeds load
	open_end session exp -p 40003 10.1.0.2 22
	say session echo
	say session first
	lab_wait 5 "the session" heard session first

	index=$(ifindex ve-container)
	in_host link del ve-container
	lab_ns other
	in_host link add other0 index "$index" type veth peer name host0 netns "$LAB_PREFIX-other"
	in_host link set other0 up
	ip -n "$LAB_PREFIX-other" link set host0 up
	[ "$(ifindex other0)" = "$index" ]
	watched other host0 "ip saddr 10.1.0.0/24"
	# The session's next packet, and a new connection.
	before=$(drops no_container)
	say session second
	silent exp 10.1.0.2 22
	lab_wait 3 "a refused packet" more_drops no_container "$before"
	[ "$(passed other)" = 0 ]
	close_end session

	# The load afterwards does not take it for the container either.
	succeeds load
	unguarded other0
	silent exp 10.1.0.2 22
	[ "$(passed other)" = 0 ]

	# What counts would have counted.
	_lab_address host other0 10.1.0.2/32
	in_host route add 10.7.0.2 dev other0 src 10.1.0.2
	_lab_address other host0 10.7.0.2/32
	lab_in host ping -c 1 -W 0.2 10.7.0.2 || :
	(($(passed other) > 0))

	in_host link del other0
	ip netns del "$LAB_PREFIX-other"
	new_veth
}

@test "a VPN interface that is made anew is closed until the next load, and open after it" {
	succeeds load
	succeeds map host-control on
	in_host link del tap0
	lab_veth host tap0 exp tap0
	_lab_address host tap0 10.1.0.2/24
	_lab_address exp tap0 10.1.0.6/24
	interface_is tap0 unguarded
	run ! answers exp 10.1.0.2 22
	succeeds load
	guarded tcx
	forwards_work
}

# Slots are entered in the order of the names' first appearance: the number moves to an earlier one.
@test "two interfaces that swap their numbers are both known after a load" {
	local tap container

	succeeds load
	tap=$(ifindex tap0)
	container=$(ifindex ve-container)
	in_host link del ve-container
	in_host link del tap0
	in_host link add tap0 index "$container" type veth peer name tap0 netns "$LAB_PREFIX-exp"
	in_host link add ve-container index "$tap" type veth peer name host0 netns "$LAB_PREFIX-cont"
	_lab_address host tap0 10.1.0.2/24
	_lab_address exp tap0 10.1.0.6/24
	_lab_address host ve-container 10.0.3.1/24
	_lab_address cont host0 10.0.3.2/24
	for end in "host tap0" "exp tap0" "host ve-container" "cont host0"; do
		ip -n "$LAB_PREFIX-${end% *}" link set "${end#* }" up
	done
	_lab_route cont default 10.0.3.1
	succeeds load
	guarded tcx
	forwards_work
	container_reaches_out
}
