#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The command line: words, exit statuses, errors, port specifications, JSON.

bats_require_minimum_version 1.5.0
load helpers
load lifecycle

setup_file()
{
	start_lab
	serve cont 22 80
	serve host 23
}

teardown_file()
{
	lab_down
}

# With a second container, whose interface is waited for.
setup()
{
	lab_config
	cat >>"$LAB_DIR/scoutbpf.conf" <<-END

		[container vault]
		interface = ve-vault
		address = 10.0.4.2
		forward = 5900
	END
	lab_scoutbpf load
}

# SPEC...: what they add to the forwards of the file
added()
{
	local before

	before=$(forwards)
	succeeds map port add "$@" >&2 || return
	comm -13 <(sort <<<"$before") <(forwards | sort) | sort -k1,1 -k2,2n
}

# A command that fails in one of the two ways leaves the policy alone.
changes_nothing()
{
	local before

	before=$(lab_scoutbpf -j map show)
	"$@" || return
	[[ $(lab_scoutbpf -j map show) == "$before" ]] || { echo "$*: changed the policy" && false; }
}

# --- words ---

@test "--help lists every command and option and ends with 0" {
	local words

	succeeds --help
	for words in load unload status check "map show" "map port add" "map port del" "map lan" \
		"map host-control" flows; do
		grep -qE "^  $words( |$)" <<<"$output"
	done
	for words in -c -p -j --version --for; do
		grep -qF -e "$words" <<<"$output"
	done
	for words in load "map port" "map port add"; do
		# shellcheck disable=SC2086 # words of a command
		succeeds $words --help
		[[ $output == "usage: "* ]]
	done
}

@test "-h is --help, also before other words" {
	succeeds --help
	local help=$output
	succeeds -h
	[ "$output" = "$help" ]
	succeeds --help no-such-command
	[ "$output" = "$help" ]
}

@test "--version says name and number" {
	succeeds --version
	[[ $output =~ ^scoutbpf\ [0-9]+\.[0-9.]+$ ]]
}

@test "a wrong command line is one line and 2" {
	run --separate-stderr "$SCOUTBPF"
	_one_line 2 "command"
	misused "no-such" no-such
	misused "no such option" --no-such status
	misused "no such option" -x status
	misused "no such option" -jx status
	misused "value is missing" -c
	misused "map" map
	misused "map" map port
	misused "map" map port add-all
	misused "map" map nothing
	misused "a port is missing" map port add
	misused "a port is missing" map port add --for 5m
	misused "a port is missing" map port del
	misused "on or off" map lan
	misused "on or off" map lan maybe
	misused "on or off" map lan on off
	misused "on or off" map host-control ON
	misused "status" status now
	misused "load" load it
	misused "unload" unload it
	misused "flows" flows now
	misused "map show" map show 22
	misused "check" check one two
}

@test "a wrong command line changes nothing" {
	changes_nothing misused "" map port add 4000 -x
	changes_nothing misused "" map port add 4000 --for
	changes_nothing misused "" map lan on --for
	changes_nothing misused "" map lan on 5m
}

# --- check ---

@test "check takes the documented sample, comments and all" {
	cat >"$LAB_DIR/sample.conf" <<-'END'
		[scoutbpf]
		vpn = tap0                          # names or globs; a missing interface is waited for
		lan = eth* en* wlan* wl*
		host-control-port = 23
		lan-access = off
		host-control = off
		egress = any                        # what the container may open: any, internet (no private networks), vpn, none

		[container]                         # [container NAME] for each further one
		interface = ve-container
		address = 10.0.3.2
		forward = 22 2000-2009
	END
	succeeds check "$LAB_DIR/sample.conf"
	[ -z "$output" ]
	succeeds -c "$LAB_DIR/sample.conf" check
	run -0 "$SCOUTBPF" check - <"$LAB_DIR/sample.conf"
	# It means what it says.
	succeeds -c "$LAB_DIR/sample.conf" load
	[ "$(forwards | wc -l)" = 11 ]
	guarded tcx
}

# LINE KEY SED-SCRIPT: what is refused, and where
refused()
{
	sed -E "$3" "$LAB_DIR/good.conf" >"$LAB_DIR/bad.conf"
	cmp -s "$LAB_DIR/good.conf" "$LAB_DIR/bad.conf" && echo "$3 does nothing" && return 1
	fails "$LAB_DIR/bad.conf:$1: $2" check "$LAB_DIR/bad.conf"
}

@test "check names file, line and key of a mistake" {
	lab_config
	cp "$LAB_DIR/scoutbpf.conf" "$LAB_DIR/good.conf"
	succeeds check "$LAB_DIR/good.conf"
	refused 5 "lan-acess: " 's/^lan-access/lan-acess/'
	refused 5 "lan-access: " 's/^(lan-access =).*/\1 yes/'
	refused 4 "host-control-port: " 's/^(host-control-port =).*/\1 0/'
	refused 4 "host-control-port: " 's/^(host-control-port =).*/\1 65536/'
	refused 4 "host-control-port: " 's/^(host-control-port =).*/\1 23x/'
	refused 7 "egress: " 's/^(egress =).*/\1 some/'
	refused 3 "lan: " 's/^(lan =).*/\1 tap0/'
	refused 3 "vpn: " 's/^lan = .*/vpn = tap1/'
	refused 11 "address: " 's/^(address =).*/\1 10.0.3/'
	refused 12 "forward: " 's/^(forward =).*/\1 22 2009-2000/'
	refused 12 "forward: " 's/^(forward =).*/\1 22 20-30/'
	refused 12 "forward: " 's/^(forward =).*/\1 22 22:80/'
	refused 12 "forward: " 's/^(forward =).*/\1 22,80/'
	refused 12 "forward: " 's/^(forward =).*/\1 70000/'
	refused 9 "container one two" 's/^\[container\]/[container one two]/'
	refused 9 "contaner" 's/^\[container\]/[contaner]/'
	refused 9 "interface: missing" '/^interface/d'
	refused 6 "" 's/^host-control = off/host-control/'
}

@test "check needs no privileges" {
	lab_config
	run -0 setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps -all \
		--bounding-set -all /proc/self/fd/9 check - \
		9<"$SCOUTBPF" <"$LAB_DIR/scoutbpf.conf"
	[ -z "$output" ]
	run -1 setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps -all \
		--bounding-set -all /proc/self/fd/9 check - 9<"$SCOUTBPF" <<<"[scoutbpf]"
	[[ $output == "scoutbpf: standard input"* ]]
}

@test "a file that cannot be read is named" {
	fails "$LAB_DIR/none.conf: No such file" check "$LAB_DIR/none.conf"
	fails "$LAB_DIR/none.conf: No such file" -c "$LAB_DIR/none.conf" load
	fails "$LAB_DIR: " check "$LAB_DIR"
}

# --- port specifications ---

@test "map port add takes every form of SPEC" {
	[ "$(added 80)" = "tcp 80 10.0.3.2 80" ]
	[ "$(added tcp/81)" = "tcp 81 10.0.3.2 81" ]
	[ "$(added udp/53)" = "udp 53 10.0.3.2 53" ]
	[ "$(added 3000-3002)" = "tcp 3000 10.0.3.2 3000
tcp 3001 10.0.3.2 3001
tcp 3002 10.0.3.2 3002" ]
	[ "$(added 8080:80)" = "tcp 8080 10.0.3.2 80" ]
	[ "$(added udp/8080:80)" = "udp 8080 10.0.3.2 80" ]
	[ "$(added 9080-9082:80)" = "tcp 9080 10.0.3.2 80
tcp 9081 10.0.3.2 81
tcp 9082 10.0.3.2 82" ]
	[ "$(added 5901:vault:5900)" = "tcp 5901 10.0.4.2 5900" ]
	[ "$(added udp/600-601:vault:70)" = "udp 600 10.0.4.2 70
udp 601 10.0.4.2 71" ]
	[ "$(added 1 65535)" = "tcp 1 10.0.3.2 1
tcp 65535 10.0.3.2 65535" ]
}

@test "several SPECs are one command" {
	[ "$(added 80 udp/53 8080-8081:80 5901:vault:5900)" = "tcp 80 10.0.3.2 80
tcp 5901 10.0.4.2 5900
tcp 8080 10.0.3.2 80
tcp 8081 10.0.3.2 81
udp 53 10.0.3.2 53" ]
	succeeds map port del 80 udp/53 8080-8081
	[ "$(forwards | grep -cE ' (80|53|8080|8081) 10')" = 0 ]
	forwards | grep -q "tcp 5901"
}

@test "what is added is forwarded, what is deleted is not" {
	silent exp 10.1.0.2 8080
	succeeds map port add 8080:80
	run -0 ask exp 10.1.0.2 8080 who
	[[ $output == *" 10.0.3.2:80" ]]
	succeeds map port del 8080
	silent exp 10.1.0.2 8080
}

@test "the same forward again is no error" {
	succeeds map port add 22 2000-2009
	succeeds map port add 2000-2010
	[ "$(forwards | grep -c 'tcp 20')" = 11 ]
}

@test "a malformed SPEC is refused with 2 and changes nothing" {
	local spec

	for spec in "" 0 65536 99999999999999999999 -1 +22 0x16 22x "22 " " 22" 22- -22 22-22- 22--23 \
		30-20 0-22 22-65536 tcp/ /22 tcp22 icmp/22 TCP/22 tcp/udp/22 22/tcp 22: :22 22:0 22:65536 \
		22:x 22:80-90 22::80 22:vault: 22:vault 22:vault:80:1 22:va/ult:80 65530-65535:65531 22,23 \
		22.5 ٢٢; do
		changes_nothing misused "" map port add -- "$spec"
		changes_nothing misused "" map port del "$spec"
	done
}

@test "a forward to elsewhere is refused and changes nothing" {
	changes_nothing fails "22:2222: tcp/22 is forwarded elsewhere" map port add 22:2222
	changes_nothing fails "tcp/2000 is forwarded elsewhere" map port add 1990-2005:80
	changes_nothing fails "tcp/5900 is forwarded elsewhere" map port add 5900
	changes_nothing fails "tcp/22 is forwarded elsewhere" map port add 22:vault:22
	# Another protocol is another port.
	succeeds map port add udp/22:2222
}

@test "SPECs of one command may not overlap" {
	changes_nothing fails "3005" map port add 3000-3010 3005
	changes_nothing fails "3000" map port add 3000:80 3000:81
	succeeds map port add 3000 udp/3000
}

@test "an unknown container is refused" {
	changes_nothing fails "no such container" map port add 3000:nobody:80
	changes_nothing fails "is not forwarded" map port del 22:nobody:22
}

@test "the host-control port is refused alone and left out of a range" {
	changes_nothing fails "host-control port" map port add 23
	changes_nothing fails "host-control port" map port add tcp/23:80
	[ "$(added 21-25 | cut -d' ' -f2 | xargs)" = "21 24 25" ]
	[ "$(added udp/23)" = "udp 23 10.0.3.2 23" ]
}

@test "one bad SPEC among good ones changes nothing" {
	changes_nothing misused 70000 map port add 3000 70000
	changes_nothing fails "no such container" map port add 3000 3001:nobody:1
	changes_nothing fails "elsewhere" map port add 3000 22:80
	changes_nothing fails "host-control" map port add 3000 23
	changes_nothing fails "4000" map port del 22 4000
	changes_nothing misused x map port del 22 x
}

@test "deleting what is not forwarded is an error" {
	changes_nothing fails "4000: is not forwarded" map port del 4000
	changes_nothing fails "udp/22: is not forwarded" map port del udp/22
	changes_nothing fails "22:80: is not forwarded" map port del 22:80
	changes_nothing fails "22:vault:22: is not forwarded" map port del 22:vault:22
	succeeds map port del 22:22
	fails "is not forwarded" map port del 22
	# Of a range, what is there goes.
	succeeds map port del 2005-3000
	[ "$(forwards | grep -c 'tcp 200')" = 5 ]
}

@test "a forward for a time ends by itself" {
	succeeds map port add --for 1s 8080:80
	is "map show" '[.forwards[] | select(.port == 8080) | .expires | type == "number" and . <= 1] == [true]'
	answers exp 10.1.0.2 8080
	lab_wait 3 "the end of the forward" is "map show" '[.forwards[] | select(.port == 8080)] == []'
	silent exp 10.1.0.2 8080
	# What has run out may be forwarded elsewhere, and cannot be deleted.
	fails "is not forwarded" map port del 8080
	succeeds map port add 8080:81
}

# --- switches ---

@test "map lan and map host-control" {
	local switch

	for switch in lan:lan_access host-control:host_control; do
		is status ".${switch#*:} == false"
		succeeds map "${switch%:*}" on
		is status ".${switch#*:} == true"
		succeeds map "${switch%:*}" on
		succeeds map "${switch%:*}" off
		is status ".${switch#*:} == false"
		succeeds map "${switch%:*}" off
	done
	silent lan 192.168.50.1 22
	succeeds map lan on
	answers lan 192.168.50.1 22
	silent lan 192.168.50.1 23
	succeeds map host-control on
	answers lan 192.168.50.1 23
	succeeds map lan off
	silent lan 192.168.50.1 23
	answers exp 10.1.0.2 23
}

@test "--for takes seconds, minutes, hours and days, before and behind" {
	local for

	for for in 90s 30m 2h 7d; do
		succeeds map lan on --for $for
		is status '.lan_access'
		succeeds map host-control --for=$for on
		is status '.host_control'
	done
	run -0 lab_scoutbpf map show
	grep -qE "LAN access +on for 16[78] h" <<<"$output"
	# Without an end again.
	succeeds map lan on
	run -0 lab_scoutbpf map show
	grep -qE "LAN access +on$" <<<"$output"
}

@test "--for ends by itself" {
	succeeds map lan on --for 1s
	answers lan 192.168.50.1 22
	lab_wait 3 "the end of LAN access" is status '.lan_access == false'
	silent lan 192.168.50.1 22
}

@test "a bad duration is refused with 2 and changes nothing" {
	local for

	for for in "" 0 0s 5 m 5x 5M -5m +5m 1.5h 5mm "5 m" 99999999999d 18446744073709551616s; do
		changes_nothing misused "duration" map lan on --for "$for"
		changes_nothing misused "duration" map host-control on --for "$for"
		changes_nothing misused "duration" map port add --for "$for" 3000
	done
	changes_nothing misused "--for" map lan off --for 5m
}

# --- JSON ---

@test "-j status has the documented fields" {
	is status '
		(.lan_access | type) == "boolean" and (.host_control | type) == "boolean" and
		(.interfaces | map(.name) | sort) == ["eth0", "tap0", "ve-container", "ve-vault"] and
		(.interfaces | map(select(.name != "ve-vault")) | all(.state == "up" and .hook == "tcx")) and
		(.interfaces | map({(.name): .role}) | add) ==
			{tap0: "vpn", eth0: "lan", "ve-container": "container", "ve-vault": "container"} and
		(.forwards | length) == 12 and
		(.forwards[0] | keys) == ["expires", "on", "port", "proto", "to", "to_port"] and
		(.flows | keys) == ["capacity", "established", "half_open"] and
		.flows.capacity == 32768 and (.flows | all(type == "number")) and
		(.drops | length) > 20 and (.drops | all(type == "number")) and
		(.drops | keys | all(test("^[a-z0-9_]+$")))'
}

@test "-j map show has the switches and the forwards" {
	succeeds map port add --for 1h udp/53:5353
	# shellcheck disable=SC2016 # jq's $
	is "map show" '
		keys == ["forwards", "host_control", "lan_access"] and
		(.forwards | map(select(.proto == "udp"))) as $udp | ($udp | length) == 1 and
		($udp[0] | .port == 53 and .to == "10.0.3.2" and .to_port == 5353 and .expires <= 3600 and
			.expires > 3500) and
		(.forwards | map(select(.port == 22)) | .[0].expires == null)'
}

@test "-j flows has the documented fields" {
	open_end session exp -p 40001 10.1.0.2 22
	say session echo
	say session hello
	lab_wait 5 "the echo" heard session hello
	lab_scoutbpf -j flows >"$LAB_DIR/flows.json"
	close_end session
	jq -e 'type == "array" and (map(select(.client == "10.1.0.6:40001")) | length == 1 and (.[0] |
		keys == ["age", "bytes", "client", "idle", "interface", "kind", "local", "packets", "proto",
			"reply_bytes", "reply_packets", "state", "target"] and
		.kind == "forwarded" and .proto == "tcp" and .local == "10.1.0.2:22" and
		.target == "10.0.3.2:22" and .state == "established" and .interface == "tap0" and
		([.packets, .bytes, .reply_packets, .reply_bytes, .age, .idle] | all(type == "number")) and
		.packets >= 4 and .reply_packets >= 3 and .bytes > 160))' "$LAB_DIR/flows.json"
}

@test "-j flows has IPv6 endpoints in brackets" {
	lab_in lan timeout 10 nc -6 -n -l fd00:50::9 7000 >/dev/null &
	lab_wait 5 "the listener" lab_listens lan 7000
	open_end six host -6 fd00:50::9 7000
	lab_wait 5 "the flow" is flows 'map(select(.kind == "host" and .interface == "eth0" and
		(.client | test("^\\[fd00:50::1\\]:[0-9]+$")) and .target == "[fd00:50::9]:7000")) | length == 1'
	close_end six
}

@test "-j flows without connections is an empty list" {
	succeeds unload
	succeeds load
	[ "$(lab_scoutbpf -j flows | jq -c .)" = "[]" ]
}

# --- not loaded ---

@test "without a gateway every command says so and fails" {
	succeeds unload
	local not="$LAB_DIR/$PINS: scoutbpf is not loaded"

	not_loaded()
	{
		fails "$not" status
		fails "$not" -j status
		fails "$not" map show
		fails "$not" -j map show
		fails "$not" flows
		fails "$not" -j flows
		fails "$not" map port add 3000
		fails "$not" map port del 22
		fails "$not" map lan on
		fails "$not" map lan off
		fails "$not" map host-control on --for 5m
	}
	not_loaded
	# The same with the directory that a command has left behind.
	mkdir "$LAB_DIR/$PINS"
	not_loaded
	succeeds unload
	[ ! -e "$LAB_DIR/$PINS" ]
	# A wrong command line is wrong first.
	misused "" map port add x
}
