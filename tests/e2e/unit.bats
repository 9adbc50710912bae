#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What `make install` puts where, and what systemd makes of the unit.

bats_require_minimum_version 1.5.0
top=$BATS_TEST_DIRNAME/../..

# TARGET ROOT [VARIABLE]: not with the flags and the job server of a make that runs the tests
make_into()
{
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$top" "$1" DESTDIR="$2" "${@:3}"
}

need_systemd_analyze()
{
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
}

@test "install puts the program, the unit and a configuration in place" {
	make_into install "$root"
	[ -x "$root/usr/sbin/scoutbpf" ]
	cmp "$top/scripts/scoutbpf.service" "$root/usr/lib/systemd/system/scoutbpf.service"
	cmp "$top/scripts/scoutbpf.conf" "$root/etc/scoutbpf/scoutbpf.conf"
	[ "$(find "$root" -type f | wc -l)" -eq 3 ]
}

@test "the unit starts the program where PREFIX has put it" {
	make_into install "$root" PREFIX=/usr/local
	unit=$root/usr/local/lib/systemd/system/scoutbpf.service
	[ -x "$root/usr/local/sbin/scoutbpf" ]
	[ "$(grep -c '^Exec.*=/usr/local/sbin/scoutbpf ' "$unit")" -eq 3 ]
	run ! grep '/usr/sbin' "$unit"
}

@test "install and uninstall leave the administrator's configuration alone" {
	make_into install "$root"
	echo "# mine" >"$root/etc/scoutbpf/scoutbpf.conf"
	make_into install "$root"
	make_into uninstall "$root"
	[ "$(find "$root" -type f)" = "$root/etc/scoutbpf/scoutbpf.conf" ]
	[ "$(cat "$root/etc/scoutbpf/scoutbpf.conf")" = "# mine" ]
}

@test "the default configuration is valid, its comments included" {
	"$top/build/scoutbpf" check "$top/scripts/scoutbpf.conf"
	sed 's/^#\([a-z]\)/\1/' "$top/scripts/scoutbpf.conf" >"$BATS_TEST_TMPDIR/all.conf"
	[ "$(grep -c '^[a-z]' "$BATS_TEST_TMPDIR/all.conf")" -gt \
		"$(grep -c '^[a-z]' "$top/scripts/scoutbpf.conf")" ]
	"$top/build/scoutbpf" check "$BATS_TEST_TMPDIR/all.conf"
}

@test "systemd finds nothing wrong with the installed unit" {
	need_systemd_analyze
	make_into install "$root"
	run systemd-analyze verify --root="$root" scoutbpf.service
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the unit's exposure is at most 2.0" {
	need_systemd_analyze
	systemd-analyze security --offline=true --threshold=20 --no-pager \
		"$top/scripts/scoutbpf.service" >"$BATS_TEST_TMPDIR/security" || {
		cat "$BATS_TEST_TMPDIR/security"
		false
	}
	grep 'Overall exposure level' "$BATS_TEST_TMPDIR/security"
}

@test "the unit is before the network and no wider than it has to be" {
	unit=$top/scripts/scoutbpf.service
	grep -qx 'Wants=network-pre.target' "$unit"
	grep -q '^Before=.*network-pre.target' "$unit"
	grep -qx 'CapabilityBoundingSet=CAP_BPF CAP_NET_ADMIN CAP_PERFMON' "$unit"
	run ! grep '^PrivateNetwork=' "$unit"
}
