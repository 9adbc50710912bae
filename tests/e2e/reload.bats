#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `load` on a loaded gateway, under traffic; commands side by side; commands that die.

bats_require_minimum_version 1.5.0
load helpers
load lifecycle

setup_file()
{
	start_lab
	gcc -D_GNU_SOURCE -shared -fPIC "$E2E/die.c" -o "$LAB_DIR/die.so"
	serve cont 22 80 81 2000 40000
	serve host 23
}

teardown_file()
{
	lab_down
}

setup()
{
	lab_scoutbpf unload
	lab_in host sysctl -qw net.ipv4.conf.lo.forwarding=0
	lab_config
	lab_scoutbpf load
}

teardown()
{
	local name

	for name in stream knock session; do
		[[ ! -e $LAB_DIR/$name.pid ]] || close_end "$name"
	done
}

edit()
{
	sed -i -E "$1" "$LAB_DIR/scoutbpf.conf"
}

# A knocking LAN finds nobody: to be called after `going knock`.
nobody_answered()
{
	run -0 ended knock
	echo "knock: $output"
	[[ $output =~ ^0\ answers\ to\ ([0-9]+)$ ]] && ((BASH_REMATCH[1] > 100))
}

unbroken()
{
	run -0 ended stream
	echo "stream: $output"
	[[ $output == "intact "* ]]
}

# Unlike that of helpers.bash, does not wait for ever for an end that has died.
say()
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	timeout 5 sh -c 'echo "$1" >"$2"' sh "$2" "$LAB_DIR/$1.in"
}

# NS ADDRESS PORT: an idle session in the container. The client's port is the test's own: the
# kernel does not give one back at once.
open_session()
{
	client_port=$((41000 + BATS_TEST_NUMBER))
	open_end session "$1" -p "$client_port" "$2" "$3"
	say session echo
	say session first
	lab_wait 5 "the session" heard session first
}

session_lives()
{
	say session "$1"
	lab_wait 3 "an answer in the session" heard session "$1"
}

# Cut for good, and for the reason that is expected.
session_is_cut()
{
	local before

	before=$(drops revoked)
	say session "$1"
	lab_wait 3 "a refused packet" more_drops revoked "$before"
	run ! heard session "$1"
}

flow_of()
{
	lab_scoutbpf -j flows | jq -c "map(select(.client == \"$1\")) | .[0]"
}

# --- in place ---

@test "twenty loads under traffic: streams go on, the LAN stays out" {
	going stream exp stream 10.1.0.2 22
	going knock lan knock 192.168.50.1 22 23
	for _ in {1..20}; do
		succeeds load
	done
	guarded tcx
	nobody_answered
	unbroken
}

@test "what knocks would hear an answer" {
	going knock lan knock 192.168.50.1 22 23
	succeeds map lan on
	lab_wait 3 "an answer" is status '.flows.half_open + .flows.established > 0'
	run -0 ended knock
	[[ $output == *" 22 open"* && $output != *"23 open"* ]]
}

@test "a load keeps flows, their age and every counter" {
	local before after refused

	silent lan 192.168.50.1 22
	refused=$(drops lan_off)
	((refused > 0))
	open_session exp 10.1.0.2 22
	lab_wait 5 "a second of age" is flows "any(.client == \"10.1.0.6:$client_port\" and .age >= 1)"
	before=$(flow_of 10.1.0.6:$client_port)
	succeeds load
	after=$(flow_of 10.1.0.6:$client_port)
	jq -en "$before as \$b | $after as \$a | \$a.age >= \$b.age and \$a.packets >= \$b.packets and
		\$a.reply_bytes >= \$b.reply_bytes and \$a.local == \$b.local and \$a.state == \$b.state"
	(($(drops lan_off) >= refused))
	run -0 lab_scoutbpf map show
	grep -qE "tcp/22 .* [1-9][0-9]* opened" <<<"$output"
	session_lives second
}

@test "loads with changing switches and hooks let nobody in who is not allowed" {
	going knock lan knock 192.168.50.1 22 23
	going stream exp stream 10.1.0.2 22
	for _ in 1 2 3; do
		configure host-control=on hook=clsact
		succeeds load
		configure host-control=off hook=tcx egress=none
		succeeds load
		configure egress=any
		edit 's/^forward = .*/forward = 22 80 2000-3000/'
		succeeds load
		edit 's/^forward = .*/forward = 22/'
		succeeds load
	done
	nobody_answered
	unbroken
}

# --- the file decides ---

@test "the file replaces live changes, unchanged forwards keep their flows" {
	open_session exp 10.1.0.2 22
	succeeds map lan on --for 1h
	succeeds map host-control on
	succeeds map port add 8080:80
	succeeds map port del 2005
	answers exp 10.1.0.2 8080
	succeeds load
	is status '.lan_access == false and .host_control == false and
		([.forwards[].port] | sort) == ([22] + [range(2000; 2010)])'
	silent exp 10.1.0.2 8080
	silent lan 192.168.50.1 22
	session_lives second
}

@test "a forward that the file drops is cut, and stays cut when it comes again" {
	open_session exp 10.1.0.2 22
	edit 's/^forward = .*/forward = 2000-2009/'
	succeeds load
	session_is_cut second
	edit 's/^forward = .*/forward = 22 2000-2009/'
	succeeds load
	session_is_cut third
	answers exp 10.1.0.2 22
}

@test "a forward that changes its target is cut and leads to the new one" {
	edit 's/^forward = .*/forward = 22 8080:80/'
	succeeds load
	open_session exp 10.1.0.2 8080
	edit 's/^forward = .*/forward = 22 8080:81/'
	succeeds load
	session_is_cut second
	run -0 ask exp 10.1.0.2 8080 who
	[[ $output == *" 10.0.3.2:81" ]]
}

@test "LAN access that the file takes back cuts the LAN, and only the LAN" {
	configure lan-access=on
	succeeds load
	open_session lan 192.168.50.1 22
	going stream exp stream 10.1.0.2 22
	configure lan-access=off
	succeeds load
	session_is_cut second
	unbroken
}

@test "an address that changed is known after a load" {
	_lab_address host tap0 10.1.0.3/24
	succeeds load
	answers exp 10.1.0.3 22
	ip -n "$LAB_PREFIX-host" address del 10.1.0.3/24 dev tap0
	succeeds load
	run ! answers exp 10.1.0.3 22
	is status '[.interfaces[] | select(.name == "tap0") | .address] == ["10.1.0.2"]'
}

# CONTAINER-NAME INTERFACE ADDRESS
container_section()
{
	printf '[container %s]\ninterface = %s\naddress = %s\nforward = %s\n' "$@"
}

@test "containers that change their order in the file both reach out" {
	local common

	lab_ns cont2
	lab_veth host ve-second cont2 host0
	_lab_address host ve-second 10.0.4.1/24
	_lab_address cont2 host0 10.0.4.2/24
	_lab_route cont2 default 10.0.4.1
	serve lan 7000
	# shellcheck disable=SC2016 # sed's $
	edit '/^\[container/,$d'
	common=$(<"$LAB_DIR/scoutbpf.conf")
	both_work()
	{
		run -0 ask cont 192.168.50.9 7000 who
		run -0 ask cont2 192.168.50.9 7000 who
		run -0 ask exp 10.1.0.2 2000 who
		[[ $output == *" 10.0.3.2:2000" ]]
		run -0 ask exp 10.1.0.2 2222 who
		[[ $output == *" 10.0.4.2:22" ]]
	}
	serve cont2 22
	{
		echo "$common"
		container_section one ve-container 10.0.3.2 2000
		container_section two ve-second 10.0.4.2 2222:22
	} >"$LAB_DIR/scoutbpf.conf"
	succeeds load
	both_work
	{
		echo "$common"
		container_section two ve-second 10.0.4.2 2222:22
		container_section one ve-container 10.0.3.2 2000
	} >"$LAB_DIR/scoutbpf.conf"
	succeeds load
	both_work
	succeeds unload
	ip netns del "$LAB_PREFIX-cont2"
}

# --- a load that fails ---

# What is in force: the policy, the programs by id.
in_force()
{
	lab_scoutbpf -j map show
	programs "${GUARDED[@]}"
}

@test "a load that cannot be leaves everything as it was" {
	local before

	succeeds map lan on
	going stream exp stream 10.1.0.2 22
	before=$(in_force)

	configure flows=65536
	edit 's/^forward = .*/forward = 80/'
	fails "flows cannot change from 32768 to 65536" load
	[ "$(in_force)" = "$before" ]

	configure flows=32768
	edit 's/^vpn = .*/vpn = tap7/; s/^lan = .*/lan = eth7/; s/^interface = .*/interface = ve-7/'
	fails "none of the interfaces" load
	[ "$(in_force)" = "$before" ]

	edit 's/^forward = .*/forward = 80 80/'
	fails "scoutbpf.conf:" load
	[ "$(in_force)" = "$before" ]
	unbroken
}

@test "a load that fails half way takes back what it has done" {
	local before

	succeeds map lan on
	going stream exp stream 10.1.0.2 22
	# Somebody else's filter, of another kind, has our priority on one side of one interface.
	lab_in host tc qdisc replace dev eth0 clsact
	lab_in host tc filter add dev eth0 egress prio 1 u32 match u32 0 0
	before=$(in_force)
	configure hook=clsact
	edit 's/^forward = .*/forward = 80/'
	fails "eth0" load
	lab_scoutbpf -j map show | jq -e '.lan_access and ([.forwards[].port] | length) == 11'
	guarded tcx
	[ "$(in_force)" = "$before" ]
	lab_in host tc qdisc del dev eth0 clsact
	unbroken
}

# --- a load that dies ---

# VARIABLE=VALUE: load, with what kills it or tells how many moments there are to kill it at
mortal_load()
{
	run lab_in host env LD_PRELOAD="$LAB_DIR/die.so" "$1" \
		"$SCOUTBPF" -c "$LAB_DIR/scoutbpf.conf" -p "$LAB_DIR/$PINS" load
}

# FIRST: so many moments of a load like the one that has just been made, from FIRST on
moments()
{
	mortal_load "DIE_COUNT=$LAB_DIR/count"
	seq "$1" $((($(<"$LAB_DIR/count") - $1) / 10)) "$(<"$LAB_DIR/count")"
}

@test "a load that is killed on a loaded gateway leaves it guarded, the next one works" {
	local at deaths=0

	going stream exp stream 10.1.0.2 22
	going knock lan knock 192.168.50.1 22 23
	for at in $(moments 2); do
		mortal_load "DIE_AT=$at"
		[ "$status" = 137 ]
		guarded tcx
		succeeds status
		((++deaths % 4)) || succeeds load
	done
	((deaths >= 10))
	succeeds load
	guarded tcx
	nobody_answered
	unbroken
}

@test "a load that is killed while it changes hooks leaves every interface guarded" {
	local at hook=clsact deaths=0

	going knock lan knock 192.168.50.1 22 23
	going stream exp stream 10.1.0.2 22
	for at in $(moments 90); do
		configure "hook=$hook"
		mortal_load "DIE_AT=$at"
		# A load that changes less has fewer moments.
		((status == 0)) || [ "$status" = 137 ]
		((status == 0)) || deaths=$((deaths + 1))
		# One of either kind or, until the next load, both.
		[ "$(ours_on "${GUARDED[@]}" | cut -d' ' -f1,2 | sort -u | wc -l)" = 6 ]
		is status '.problems == []'
		((at % 3)) || hook=$([[ $hook == tcx ]] && echo clsact || echo tcx)
	done
	((deaths >= 6))
	configure hook=tcx
	succeeds load
	guarded tcx
	nobody_answered
	unbroken
}

# Whatever it has left: every second time it is loaded again, else unloaded.
@test "a first load that is killed leaves nothing that the next command stumbles over" {
	local at deaths=0

	succeeds unload
	for at in $(moments 30; lab_scoutbpf unload); do
		nothing_left
		mortal_load "DIE_AT=$at"
		[ "$status" = 137 ]
		if ((++deaths % 2)); then
			succeeds load
			guarded tcx
			succeeds flows
			is status '.problems == [] and (.forwards | length) == 11'
		fi
		succeeds unload
	done
	((deaths >= 10))
	nothing_left
}

# --- side by side ---

# Loops of commands, each with its own log.
loop()
{
	local log=$LAB_DIR/loop.$1 rounds=$2 command

	shift 2
	while ((rounds--)); do
		for command; do
			# shellcheck disable=SC2086 # words
			timeout 30 nsenter --net="/run/netns/$LAB_PREFIX-host" "$SCOUTBPF" \
				-c "$LAB_DIR/scoutbpf.conf" -p "$LAB_DIR/$PINS" $command \
				2>>"$log" >/dev/null || echo "$command: $?" >>"$log.status"
		done
	done
}

@test "twenty loops of commands at a time end in order" {
	local i pids=()

	rm -f "$LAB_DIR"/loop.*
	for i in {1..12}; do
		loop "port$i" 5 "map port add 40$i-410$i:40$i" "map port del 40$i-410$i" 3>&- &
		pids+=($!)
	done
	for i in 1 2 3; do
		loop "load$i" 3 load 3>&- &
		pids+=($!)
		loop "see$i" 5 status "-j status" flows "map show" "map lan on" "map lan off" 3>&- &
		pids+=($!)
	done
	for i in 1 2; do
		loop "unload$i" 3 unload load 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"

	# The port is not forwarded any more when a load came in between.
	run grep -hvE "^scoutbpf: ($LAB_DIR/$PINS: scoutbpf is not loaded|40[0-9]+-410[0-9]+: is not forwarded)$" \
		"$LAB_DIR"/loop.*[0-9]
	[ -z "$output" ]
	# Every failure was one of these, with its status; loading and unloading never fails.
	run grep -hvE "^(map|-j|status|flows).*: 1$" "$LAB_DIR"/loop.*.status
	[ -z "$output" ]
	succeeds load
	guarded tcx
	is status '.problems == [] and ([.forwards[].port] | sort) == ([22] + [range(2000; 2010)]) and
		.lan_access == false'
	answers exp 10.1.0.2 22
	succeeds unload
	nothing_left
}

# --- many ---

@test "map port add 1-65535 is one command" {
	local start middle end

	open_session exp 10.1.0.2 22
	start=${EPOCHREALTIME/[.,]/}
	succeeds map port add 1-65535
	middle=${EPOCHREALTIME/[.,]/}
	forwards >"$LAB_DIR/forwards"
	[ "$(wc -l <"$LAB_DIR/forwards")" = 65534 ]
	[ "$(awk '$1 == "tcp" && $2 == $4 && $2 != 23' "$LAB_DIR/forwards" | sort -u | wc -l)" = 65534 ]
	answers exp 10.1.0.2 40000
	silent exp 10.1.0.2 23
	session_lives second

	end=${EPOCHREALTIME/[.,]/}
	succeeds map port del 1-65535
	end=$((${EPOCHREALTIME/[.,]/} - end))
	[ -z "$(forwards)" ]
	silent exp 10.1.0.2 40000
	session_is_cut third
	echo "# map port add 1-65535: $(((middle - start) / 1000)) ms, del: $((end / 1000)) ms" >&3
}
