# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the end-to-end tests share. A file has one lab, made in setup_file and removed in
# teardown_file; every test leaves the gateway as it found it.
#
#	start_lab [KEY=VALUE]...	host, cont, lan and exp, whose tap0 is a veth; the lab's
#					configuration, changed by configure; not loaded
#	configure KEY=VALUE...		changes keys of the configuration, or adds them to [scoutbpf]
#	own_binary			what start_lab begins with, for labs of another shape: LAB_DIR,
#					the lab's own copy of the binary, 4 MiB of data in LAB_DIR/blob
#	serve NS PORT...		answers TCP and UDP in a namespace, see serve.py
#	ask NS ADDRESS PORT LINE [NC-OPTION...]   sends LINE over TCP, prints the answer
#	ask_udp NS ADDRESS PORT LINE [NC-OPTION...]   the same in one datagram
#	no_udp_answer NS ADDRESS PORT	a datagram is sent, and nothing comes back in 0.3 s
#	open_end NAME NS NC-OPTION...	one end of a connection that stays open
#	listen_end NAME NS PORT		the same for a listener, which takes one connection
#	say NAME LINE / heard NAME LINE	sends from an end / whether an end has received LINE
#	say_in_vain NAME NS LINE	sends from a TCP end in NS; over when something was dropped as
#					revoked, with the line not acknowledged
#	close_end NAME
#	drops REASON			how many packets were dropped for it
#	more_drops REASON COUNT		whether there are more than COUNT
#	nstat_of NS COUNTER		a counter of the namespace's IP stack
#	mac_of NS INTERFACE
#	wire SCRIPT CASE		runs a test of raw packets, see wire.py
#	no_bad_checksums NS...		nobody has received one

bats_require_minimum_version 1.5.0
E2E=$BATS_TEST_DIRNAME
# shellcheck source=scripts/lab.sh
source "$E2E/../../scripts/lab.sh"
# scapy is the distribution's, and so is its interpreter.
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1

# --- a lab ---

# The prefix tells the labs of two runs from each other. A build meanwhile does no harm to the copy.
own_binary()
{
	local name

	name=$(basename "$BATS_TEST_FILENAME" .bats)
	lab_init "${name//[^A-Za-z0-9]/}$BASHPID" || return
	cp "$SCOUTBPF" "$LAB_DIR/scoutbpf" && SCOUTBPF=$LAB_DIR/scoutbpf
	export SCOUTBPF
	head -c 4194304 /dev/urandom >"$LAB_DIR/blob"
}

start_lab()
{
	own_binary && lab_base && lab_tap_veth && lab_config && configure "$@"
}

configure()
{
	local pair key conf=$LAB_DIR/scoutbpf.conf

	for pair; do
		key=${pair%%=*}
		grep -q "^$key =" "$conf" || sed -i "/^\[scoutbpf\]/a $key =" "$conf"
		sed -i "s|^$key =.*|$key = ${pair#*=}|" "$conf"
	done
}

# --- talking ---

serve()
{
	local ns=$1

	shift
	lab_spawn "$ns" "serve-$ns-$1" "$PYTHON" "$E2E/serve.py" "$LAB_DIR/blob" "$@"
	lab_wait 5 "the server in $ns" lab_listens "$ns" "${!#}"
}

ask()
{
	local ns=$1 address=$2 port=$3 line=$4

	shift 4
	lab_in "$ns" timeout 20 nc -n -N -w 5 "$@" "$address" "$port" <<<"$line"
}

# Over when one datagram has come back.
ask_udp()
{
	local ns=$1 address=$2 port=$3 line=$4

	shift 4
	lab_in "$ns" timeout 5 nc -n -u -W 1 "$@" "$address" "$port" < <(printf %s "$line")
}

no_udp_answer()
{
	local status=0

	lab_in "$1" timeout 0.3 nc -n -u -W 1 "$2" "$3" < <(printf hello) >/dev/null || status=$?
	((status == 124))
}

open_end()
{
	_end "$1" "$2" nc -n "${@:3}"
}

# nc keeps its listener, socat does not: another one may have the port while this one talks.
listen_end()
{
	_end "$1" "$2" socat STDIO "TCP-LISTEN:$3,reuseaddr"
	lab_wait 3 "a listener on port $3" lab_listens "$2" "$3"
}

# NAME NS COMMAND...
_end()
{
	local name=$1 ns=$2

	rm -f "$LAB_DIR/$name.in"
	mkfifo "$LAB_DIR/$name.in" || return
	# Open for reading and writing, so that it never ends between two lines.
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_spawn "$ns" "$name" bash -c 'exec "${@:2}" <>"$1"' bash "$LAB_DIR/$name.in" "${@:3}"
	echo "$LAB_PID" >"$LAB_DIR/$name.pid"
}

say()
{
	# An end that has died never opens its side.
	# shellcheck disable=SC2016 # expanded by the inner shell
	timeout 5 sh -c 'echo "$0" >"$1"' "$2" "$LAB_DIR/$1.in"
}

heard()
{
	grep -qxF -e "$2" "$LAB_DIR/$1.log"
}

say_in_vain()
{
	local revoked

	revoked=$(drops revoked)
	say "$1" "$3"
	lab_wait 5 "a drop of what $1 sends" more_drops revoked "$revoked" &&
		lab_wait 5 "$1 to wait for an acknowledgement" _unacknowledged "$2"
}

# NS: whether a connection has something in its send queue
_unacknowledged()
{
	lab_in "$1" ss -Htn state established state close-wait |
		awk '$3 > 0 { found = 1 } END { exit !found }'
}

close_end()
{
	kill "$(<"$LAB_DIR/$1.pid")" 2>/dev/null || :
}

# --- looking ---

drops()
{
	lab_scoutbpf -j status | jq -er ".drops.$1"
}

more_drops()
{
	(($(drops "$1") > $2))
}

nstat_of()
{
	lab_in "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

mac_of()
{
	ip -n "$LAB_PREFIX-$1" -j link show "$2" | jq -er '.[0].address'
}

no_bad_checksums()
{
	local ns counter

	for ns; do
		for counter in IpInHdrErrors TcpInCsumErrors UdpInCsumErrors IcmpInCsumErrors; do
			[[ $(nstat_of "$ns" "$counter") == 0 ]] ||
				_lab_error "$ns: $counter is $(nstat_of "$ns" "$counter")" || return
		done
	done
}

wire()
{
	"$PYTHON" "$E2E/$1.py" "${@:2}"
}
