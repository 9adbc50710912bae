#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Loading and unloading: what is attached, what is left, what is refused.

bats_require_minimum_version 1.5.0
load helpers
load lifecycle

# Every test has a lab of its own: what is left behind is what these tests are about.
setup()
{
	start_lab
}

teardown()
{
	lab_down
}

in_host()
{
	ip -n "$LAB_PREFIX-host" "$@"
}

# A further interface of the host, with its other end in lan; PEER at most 15 characters.
new_interface()
{
	lab_veth host "$1" lan "$2"
}

edit()
{
	sed -i -E "$1" "$LAB_DIR/scoutbpf.conf"
}

# --- attaching ---

@test "load guards both sides of every interface, and only those" {
	new_interface other0 other1
	unguarded
	succeeds load
	[ -z "$output" ]
	guarded tcx
	unguarded lo other0
	is status '[.interfaces[] | {name, role, state, hook}] | sort_by(.name) == [
		{name: "eth0", role: "lan", state: "up", hook: "tcx"},
		{name: "tap0", role: "vpn", state: "up", hook: "tcx"},
		{name: "ve-container", role: "container", state: "up", hook: "tcx"}]'
	is status '.problems == []'
}

@test "each interface has the program of its role" {
	succeeds load
	run -0 eval "programs tap0 eth0 ve-container | cut -d' ' -f1-4"
	[ "$output" = "tap0 in tcx vpn_in_eth
tap0 out tcx vpn_out_eth
eth0 in tcx lan_in_eth
eth0 out tcx lan_out_eth
ve-container in tcx container_in_et
ve-container out tcx container_out_e" ]
}

@test "globs guard what they match, the VPN's own name goes first" {
	new_interface eth1 other1
	new_interface wlan0 other2
	configure "lan=e* t* wlan?"
	succeeds load
	guarded tcx tap0 eth0 eth1 wlan0 ve-container
	is status '[.interfaces[] | select(.name == "tap0") | .role] == ["vpn"]'
	is status '[.interfaces[] | select(.name == "ve-container") | .role] == ["container"]'
	unguarded lo
}

@test "an interface that is named but missing is waited for" {
	configure "lan=eth0 eth7"
	succeeds load
	guarded tcx
	interface_is eth7 missing

	new_interface eth7 other1
	interface_is eth7 unguarded
	is status '.problems | any(test("eth7"))'
	succeeds load
	guarded tcx "${GUARDED[@]}" eth7
	interface_is eth7 up

	in_host link del eth7
	interface_is eth7 missing
	succeeds load
	guarded tcx
}

@test "the container may come later" {
	serve cont 22
	edit 's/^interface = .*/interface = ve-later/'
	succeeds load
	interface_is ve-later missing
	silent exp 10.1.0.2 22
	in_host link set ve-container down
	in_host link set ve-container name ve-later
	in_host link set ve-later up
	lab_wait 5 "the link" is status '.interfaces | any(.name == "ve-later" and .state == "unguarded")'
	succeeds load
	answers exp 10.1.0.2 22
}

@test "an interface that the file names no more is released" {
	new_interface eth1 other1
	configure "lan=eth0 eth1"
	succeeds load
	guarded tcx "${GUARDED[@]}" eth1
	configure lan=eth0
	succeeds load
	guarded tcx
	unguarded eth1
	is status 'any(.interfaces[]; .name == "eth1") | not'
}

@test "two containers, each with its own forwards" {
	lab_ns cont2
	lab_veth host ve-second cont2 host0
	_lab_address host ve-second 10.0.4.1/24
	_lab_address cont2 host0 10.0.4.2/24
	_lab_route cont2 default 10.0.4.1
	cat >>"$LAB_DIR/scoutbpf.conf" <<-END
		[container second]
		interface = ve-second
		address = 10.0.4.2
		forward = 2222:22
	END
	serve cont 22
	serve cont2 22
	succeeds load
	guarded tcx "${GUARDED[@]}" ve-second
	run -0 ask exp 10.1.0.2 22 who
	[[ $output == *" 10.0.3.2:22" ]]
	run -0 ask exp 10.1.0.2 2222 who
	[[ $output == *" 10.0.4.2:22" ]]
	succeeds unload
	nothing_left "${GUARDED[@]}" ve-second
}

@test "a file without containers is refused, nothing is left" {
	# shellcheck disable=SC2016 # sed's $
	edit '/^\[container/,$d'
	fails "container" load
	nothing_left
}

# --- refusing ---

@test "when none of the interfaces exists load fails and leaves nothing" {
	edit 's/^vpn = .*/vpn = tap7/; s/^lan = .*/lan = eth7 wlan*/; s/^interface = .*/interface = ve-7/'
	fails "none of the interfaces" load
	nothing_left
	fails "not loaded" status
}

@test "an interface that cannot be a container's is refused, nothing is left" {
	[[ -c /dev/net/tun ]] || skip "/dev/net/tun is missing"
	in_host tuntap add dev tun9 mode tun
	edit 's/^interface = .*/interface = tun9/'
	fails "tun9" load
	nothing_left tap0 eth0 tun9
}

@test "without a mounted bpffs load names the place and leaves nothing" {
	mkdir "$LAB_DIR/plain"
	fails_there()
	{
		run --separate-stderr lab_in host "$SCOUTBPF" -c "$LAB_DIR/scoutbpf.conf" \
			-p "$LAB_DIR/$1" load
		_one_line 1 "$2"
	}
	fails_there plain/scoutbpf "$LAB_DIR/plain: not a BPF file system"
	nothing_left
	[ -z "$(ls -A "$LAB_DIR/plain")" ]
	fails_there none/scoutbpf "$LAB_DIR/none: No such file"
	nothing_left
	[ ! -e "$LAB_DIR/none" ]
}

@test "without capabilities load says which it wants and leaves nothing" {
	run --separate-stderr lab_in host setpriv --bounding-set -all --inh-caps -all \
		"$SCOUTBPF" -c "$LAB_DIR/scoutbpf.conf" -p "$LAB_DIR/$PINS" load
	_one_line 1 "CAP_BPF"
	nothing_left
}

@test "as nobody every command is one line, and nothing changes" {
	as_nobody()
	{
		run --separate-stderr lab_in host setpriv --reuid nobody --regid nogroup --clear-groups \
			--bounding-set -all --inh-caps -all /proc/self/fd/9 -c - \
			-p "$LAB_DIR/$PINS" "$@" 9<"$SCOUTBPF" <"$LAB_DIR/scoutbpf.conf"
		_one_line 1 "" || { echo "of: $*" && return 1; }
	}
	# So that it gets as far as the bpffs, which everybody may write to.
	chmod 755 "$LAB_DIR"
	as_nobody load
	nothing_left
	succeeds load
	local before
	before=$(lab_scoutbpf -j map show)
	as_nobody load
	as_nobody unload
	as_nobody status
	as_nobody flows
	as_nobody map lan on
	as_nobody map port add 3000
	guarded tcx
	[ "$(lab_scoutbpf -j map show)" = "$before" ]
}

@test "without capabilities load changes nothing on a loaded gateway" {
	local before

	succeeds load
	before=$(lab_scoutbpf -j map show; programs "${GUARDED[@]}")
	edit 's/^forward = .*/forward = 80/'
	run --separate-stderr lab_in host setpriv --bounding-set -all --inh-caps -all \
		"$SCOUTBPF" -c "$LAB_DIR/scoutbpf.conf" -p "$LAB_DIR/$PINS" load
	_one_line 1 "CAP_BPF"
	[ "$(lab_scoutbpf -j map show; programs "${GUARDED[@]}")" = "$before" ]
}

@test "without capabilities unload does not pretend" {
	configure hook=clsact
	succeeds load
	run --separate-stderr lab_in host setpriv --bounding-set -all --inh-caps -all \
		"$SCOUTBPF" -p "$LAB_DIR/$PINS" unload
	_one_line 1 ""
	guarded clsact
	is status '.problems == []'
}

@test "a mistake in the file changes nothing on a loaded gateway" {
	local before ids

	succeeds load
	succeeds map lan on
	before=$(lab_scoutbpf -j map show)
	ids=$(programs "${GUARDED[@]}")
	edit 's/^forward = 22 .*/forward = 2222/; s/^egress/egres/'
	fails "scoutbpf.conf:7: egres" load
	[ "$(lab_scoutbpf -j map show)" = "$before" ]
	[ "$(programs "${GUARDED[@]}")" = "$ids" ]
}

# --- pins of another version ---

@test "pins of another version are refused by every command but unload" {
	local not="$LAB_DIR/$PINS: loaded by another version"

	succeeds load
	bpftool map update pinned "$LAB_DIR/$PINS/meta" key 0 0 0 0 \
		value 255 0 0 0 0 128 0 0 1 0 0 0
	fails "$not" load
	fails "$not" status
	fails "$not" -j status
	fails "$not" map show
	fails "$not" flows
	fails "$not" map port add 3000
	fails "$not" map port del 22
	fails "$not" map lan on
	fails "$not" map host-control off
	guarded tcx
	succeeds unload
	unguarded
	[ ! -e "$LAB_DIR/$PINS" ]
	succeeds load
	guarded tcx
}

@test "a meta map of another size is another version, too" {
	succeeds load
	rm "$LAB_DIR/$PINS/meta"
	bpftool map create "$LAB_DIR/$PINS/meta" type array key 4 value 16 entries 1 name meta
	fails "another version" load
	fails "another version" status
	succeeds unload
	unguarded
	[ ! -e "$LAB_DIR/$PINS" ]
}

# --- unloading ---

@test "unload leaves nothing, and twice is fine" {
	local ids

	succeeds unload
	nothing_left
	succeeds load
	ids=$(programs "${GUARDED[@]}" | cut -d' ' -f5)
	succeeds unload
	nothing_left
	succeeds unload
	nothing_left
	# The programs are freed after a grace period.
	no_programs()
	{
		local id

		for id in $ids; do
			if bpftool prog show id "$id"; then
				return 1
			fi
		done
	}
	lab_wait 5 "the programs to go" no_programs
}

@test "unload takes forwarding of lo back, if load has switched it on" {
	[ "$(lo_forwarding)" = 0 ]
	succeeds load
	[ "$(lo_forwarding)" = 1 ]
	succeeds load
	succeeds unload
	[ "$(lo_forwarding)" = 0 ]

	lab_in host sysctl -qw net.ipv4.conf.lo.forwarding=1
	succeeds load
	succeeds load
	succeeds unload
	[ "$(lo_forwarding)" = 1 ]
}

@test "a first load that fails half way takes everything back, forwarding of lo, too" {
	configure hook=clsact
	# A filter of another kind has our priority.
	lab_in host tc qdisc add dev eth0 clsact
	lab_in host tc filter add dev eth0 egress prio 1 u32 match u32 0 0
	fails "eth0" load
	nothing_left
	lab_in host tc filter show dev eth0 egress | grep -q "pref 1 u32"
	# The other hook is free.
	configure hook=auto
	succeeds load
	guarded tcx
}

@test "unload removes clsact filters after the pins were removed by hand" {
	configure hook=clsact
	succeeds load
	guarded clsact
	rm -r "${LAB_DIR:?}/$PINS"
	fails "not loaded" status
	succeeds unload
	unguarded
}

@test "load after the pins were removed by hand guards again, once" {
	succeeds load
	rm -r "${LAB_DIR:?}/$PINS"
	unguarded
	succeeds load
	guarded tcx
	configure hook=clsact
	succeeds load
	rm -r "${LAB_DIR:?}/$PINS"
	succeeds load
	guarded clsact
	succeeds unload
	unguarded
}

@test "unload of a directory that is not the gateway's removes nothing" {
	mkdir -p "$LAB_DIR/precious/links"
	touch "$LAB_DIR/precious/file" "$LAB_DIR/precious/links/file"
	run lab_in host "$SCOUTBPF" -p "$LAB_DIR/precious" unload
	[ "$status" = 1 ]
	[ -e "$LAB_DIR/precious/file" ]
	[ -e "$LAB_DIR/precious/links/file" ]
}

@test "unload of the wrong directory leaves other tools' pins" {
	foreign_program
	mkdir "$LAB_DIR/bpf/other"
	bpftool map create "$LAB_DIR/bpf/other/map" type array key 4 value 4 entries 1 name other
	run lab_in host "$SCOUTBPF" -p "$LAB_DIR/bpf/other" unload
	[ -e "$LAB_DIR/bpf/other/map" ]
	run lab_in host "$SCOUTBPF" -p "$LAB_DIR/bpf" unload
	[ -e "$LAB_DIR/bpf/foreign" ]
}

@test "two gateways with pin directories of their own do not meet" {
	local second=("$SCOUTBPF" -c "$LAB_DIR/second.conf" -p "$LAB_DIR/bpf/second")

	lab_ns host2
	lab_veth host2 eth0 lan other0
	sed 's/^vpn = .*/vpn = tap9/' "$LAB_DIR/scoutbpf.conf" >"$LAB_DIR/second.conf"
	succeeds load
	run -0 lab_in host2 "${second[@]}" load
	run -0 lab_in host2 "${second[@]}" unload
	guarded tcx
	is status '.problems == []'
}

# --- clsact ---

@test "hook = clsact: own priority and handle on every interface" {
	configure hook=clsact
	succeeds load
	guarded clsact
	lab_in host tc filter show dev eth0 ingress | grep -q "pref 1 bpf .*handle 0x5c07b lan_in_eth"
	is status '[.interfaces[].hook] | unique == ["clsact"]'
	# Again, in place.
	succeeds load
	guarded clsact
	succeeds unload
	nothing_left
}

@test "clsact: a filter that was removed is seen, and load puts it back" {
	configure hook=clsact
	succeeds load
	lab_in host tc qdisc del dev eth0 clsact
	interface_is eth0 unguarded
	is status '.problems | any(test("eth0"))'
	succeeds load
	guarded clsact
	interface_is eth0 up
}

# hook, in the file; what stands there then
switch()
{
	configure "hook=$1"
	succeeds load
	guarded "$2"
}

@test "the hook is switched under way: one program per hook, no packet lost" {
	serve cont 22
	succeeds load
	going ping exp ping 10.1.0.2
	going stream exp stream 10.1.0.2 22
	switch clsact clsact
	switch tcx tcx
	switch clsact clsact
	switch auto tcx
	switch clsact clsact
	run ended ping
	echo "ping: $output"
	[[ $output == "lost 0 of "* ]]
	run ended stream
	echo "stream: $output"
	[[ $output == "intact "* ]]
}
