# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of the life cycle and of the command line share, beside helpers.bash.
#
#	succeeds ARGUMENT...		scoutbpf ends with 0 and says nothing on stderr
#	fails TEXT ARGUMENT...		it ends with 1 and one line on stderr, which has TEXT in it
#	misused TEXT ARGUMENT...	the same with 2
#	forwards			"PROTO PORT TO TO_PORT" for each port, as `map show` has them
#	is STATE FILTER			whether STATE (status, map show, flows) fulfils the jq filter
#	all_of COMMAND			its output, for comparing before and after
#	interface_is NAME STATE		as `status` has it
#	answers NS ADDRESS PORT		whether a TCP connection is accepted
#	silent NS ADDRESS PORT		whether it meets no answer at all
#	programs INTERFACE...		"INTERFACE in|out tcx|clsact NAME ID" of every program there, in
#					order, asked of the kernel and not of scoutbpf; names are cut
#					to 15 characters
#	guarded HOOK [INTERFACE...]	each has one program of ours on each side, at HOOK, no other
#	unguarded [INTERFACE...]	none has any program of ours
#	nothing_left			no program of ours, no pins, no forwarding of lo
#	going NAME NS ARGUMENT...	starts lifecycle.py, which goes on until
#	ended NAME			its last line
#	foreign_program			loads another tool's program at LAB_DIR/bpf/foreign
#	foreign_count			how many packets it has seen

PINS=bpf/scoutbpf
GUARDED=(tap0 eth0 ve-container)

# --- scoutbpf ---

_one_line()
{
	# shellcheck disable=SC2154 # run sets them
	[[ $status == "$1" && -z $output && $stderr == "scoutbpf: "*"$2"* && $stderr != *$'\n'* ]] &&
		return
	echo "expected status $1 and one line with \"$2\", seen: $status \"$output\" \"$stderr\""
	return 1
}

succeeds()
{
	run --separate-stderr lab_scoutbpf "$@"
	[[ $status == 0 && -z $stderr ]] && return
	echo "scoutbpf $*: $status \"$output\" \"$stderr\""
	return 1
}

fails()
{
	local text=$1

	shift
	run --separate-stderr lab_scoutbpf "$@"
	_one_line 1 "$text" || { echo "of: scoutbpf $*" && return 1; }
}

misused()
{
	local text=$1

	shift
	run --separate-stderr lab_scoutbpf "$@"
	_one_line 2 "$text" || { echo "of: scoutbpf $*" && return 1; }
}

forwards()
{
	lab_scoutbpf -j map show | jq -r '.forwards[] | "\(.proto) \(.port) \(.to) \(.to_port)"'
}

is()
{
	local state

	read -r -a state <<<"$1"
	lab_scoutbpf -j "${state[@]}" | jq -e "$2" >/dev/null
}

interface_is()
{
	is status "[.interfaces[] | select(.name == \"$1\") | .state] == [\"$2\"]"
}

answers()
{
	[[ $(lab_probe "$@") == open ]]
}

silent()
{
	[[ $(lab_probe "$@" 0.3) == "no answer" ]]
}

# --- the kernel ---

_clsact_programs()
{
	local interface side

	# The command is silent where there is no qdisc.
	for interface; do
		for side in in:ingress out:egress; do
			lab_in host tc filter show dev "$interface" "${side#*:}" 2>/dev/null |
				sed -n "s/.* id \([0-9]*\) name \([^ ]*\) .*/$interface ${side%:*} clsact \2 \1/p"
		done
	done
}

programs()
{
	lab_in host "$PYTHON" "$E2E/lifecycle.py" tcx "$@" | sed 's/^[^ ]* [^ ]*/& tcx/' &&
		_clsact_programs "$@"
}

ours_on()
{
	programs "$@" | grep -E ' (vpn|lan|container)_(in|out)_[a-z]+ ' || :
}

guarded()
{
	local hook=$1 all interface side

	shift
	(($#)) || set -- "${GUARDED[@]}"
	all=$(ours_on "$@")
	for interface; do
		for side in in out; do
			[[ $(grep -c "^$interface $side " <<<"$all") == 1 ]] &&
				grep -q "^$interface $side $hook " <<<"$all" && continue
			echo "$interface $side: expected one $hook program, seen:"
			echo "$all"
			return 1
		done
	done
}

unguarded()
{
	local ours

	(($#)) || set -- "${GUARDED[@]}"
	ours=$(ours_on "$@")
	[[ -z $ours ]] || { echo "$ours" && return 1; }
}

lo_forwarding()
{
	lab_in host sysctl -n net.ipv4.conf.lo.forwarding
}

nothing_left()
{
	unguarded "$@" || return
	[[ ! -e $LAB_DIR/$PINS ]] || { find "$LAB_DIR/$PINS" && return 1; }
	[[ $(lo_forwarding) == 0 ]] || { echo "lo still forwards" && return 1; }
}

# --- what goes on meanwhile ---

going()
{
	local name=$1 ns=$2

	shift 2
	lab_spawn "$ns" "$name" "$PYTHON" "$E2E/lifecycle.py" "$@"
	echo "$LAB_PID" >"$LAB_DIR/$name.pid"
	lab_wait 5 "$name to begin" grep -q running "$LAB_DIR/$name.log"
}

ended()
{
	local pid

	pid=$(<"$LAB_DIR/$1.pid")
	kill "$pid" 2>/dev/null || :
	lab_wait 10 "$1 to end" eval "! kill -0 $pid" || return
	tail -n 1 "$LAB_DIR/$1.log"
}

# --- somebody else ---

foreign_program()
{
	local id

	clang -O2 -g -target bpf -mcpu=v2 -I"$E2E/../../vmlinux" \
		-c "$E2E/foreign.bpf.c" -o "$LAB_DIR/foreign.o" &&
		bpftool prog load "$LAB_DIR/foreign.o" "$LAB_DIR/bpf/foreign" type classifier || return
	id=$(bpftool -j prog show pinned "$LAB_DIR/bpf/foreign" | jq '.map_ids[0]')
	bpftool map pin id "$id" "$LAB_DIR/bpf/seen"
}

foreign_count()
{
	bpftool -j map lookup pinned "$LAB_DIR/bpf/seen" key 0 0 0 0 |
		jq '[.value[] | ltrimstr("0x")] | reverse | add | explode |
			reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87 else $c - 48 end))'
}
