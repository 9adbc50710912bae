#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A real systemd, as process 1 of a container of this machine's /usr, boots with the installed
# unit: load, reload and stop work inside the unit's sandbox, in time. The container has its own
# network and its own bpffs.

bats_require_minimum_version 1.5.0
top=$BATS_TEST_DIRNAME/../..
machine=gateway$$
dir=

setup()
{
	((EUID == 0)) || skip "needs root"
	command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed"
	[[ -x /lib/systemd/systemd ]] || skip "systemd is not installed"
	[[ -c /dev/net/tun ]] || skip "/dev/net/tun is missing"
	dir=$BATS_TEST_TMPDIR
	mkdir -p "$dir/bpf" "$dir/out"
	mount -t bpf bpf "$dir/bpf"
}

teardown()
{
	[[ -n $dir ]] || return 0
	umount "$dir/bpf"
	# The one thing that nspawn leaves behind.
	[[ ! -d /run/systemd/nspawn/propagate/$machine ]] ||
		rmdir "/run/systemd/nspawn/propagate/$machine"
}

# What a boot needs beyond the /usr of this machine.
skeleton()
{
	local name etc=$dir/root/etc

	mkdir -p "$dir/root/"{dev,proc,run,sys,tmp,usr,var} "$etc/systemd/system/sysinit.target.wants"
	for name in bin sbin lib lib64; do
		[[ ! -e /$name ]] || ln -s "usr/$name" "$dir/root/$name"
	done
	cp /usr/lib/os-release "$etc/os-release"
	: >"$etc/machine-id"
	echo "root:x:0:0:root:/root:/bin/sh" >"$etc/passwd"
	echo "root:x:0:" >"$etc/group"
	make_units "$etc/systemd/system"
}

# The interfaces are there early; the test runs when all is up.
make_units()
{
	cat >"$1/links.service" <<-END
		[Unit]
		DefaultDependencies=no
		Before=scoutbpf.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/sbin/ip link add eth0 type veth peer name ve-container
		ExecStart=/sbin/ip tuntap add tap0 mode tap
		ExecStart=/sbin/ip link set lo up
	END
	cat >"$1/script.service" <<-END
		[Unit]
		After=basic.target scoutbpf.service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh /out/script
		ExecStopPost=/bin/systemctl exit 0
	END
	ln -s ../links.service ../scoutbpf.service "$1/sysinit.target.wants/"
	cat >"$1/all-up.target" <<-END
		[Unit]
		Requires=basic.target script.service
	END
}

# The sandbox hides no file of /opt, and /usr is this machine's: that is the prefix to install to.
install_gateway()
{
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$top" install DESTDIR="$dir/root" PREFIX=/opt
	cp "$dir/root/opt/lib/systemd/system/scoutbpf.service" "$dir/root/etc/systemd/system/"
	sed -i "s/^#hook = .*/hook = $1/" "$dir/root/etc/scoutbpf/scoutbpf.conf"
}

# HOOK, and the script on standard input
boot()
{
	cat >"$dir/out/script"
	skeleton
	install_gateway "$1"
	timeout -k 5 60 systemd-nspawn --quiet --register=no --keep-unit --private-network \
		--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN --system-call-filter=bpf \
		--bind=/dev/net/tun --bind="$dir/bpf:/sys/fs/bpf" --bind="$dir/out:/out" \
		--bind-ro=/usr -D "$dir/root" -M "$machine" --boot --console=pipe \
		systemd.unit=all-up.target </dev/null >"$dir/console" 2>&1 3>&- || :
	cat "$dir/console" "$dir/out/errors"
	grep -F "scoutbpf[" "$dir/out/journal" || :
}

# HOOK: what every hook has to go through
life()
{
	boot "$1" <<-'END'
		cd /out
		exec 2>errors
		filters() { for i in tap0 eth0 ve-container; do tc filter show dev $i ingress; done; }
		systemctl is-active scoutbpf.service >active
		for unit in scoutbpf.service network-pre.target; do
			systemctl show -P ActiveEnterTimestampMonotonic $unit
		done >order
		/opt/sbin/scoutbpf -j status >status
		systemctl reload scoutbpf.service && /opt/sbin/scoutbpf -j status >reloaded
		systemctl stop scoutbpf.service && echo stopped >stopped
		ls /sys/fs/bpf >left
		filters >>left
		journalctl -b --no-pager >journal
	END
	[ "$(cat "$dir/out/active")" = active ]
	sort -nc "$dir/out/order"
	guards "$dir/out/status" "$1"
	guards "$dir/out/reloaded" "$1"
	[ -e "$dir/out/stopped" ]
	run ! grep -Ev '^(maps|progs)\.debug$' "$dir/out/left"
	run ! grep -i 'ordering cycle' "$dir/out/journal"
}

# FILE HOOK
guards()
{
	jq -e --arg hook "$2" '[.interfaces[] | select(.hook == $hook) | .name] | sort ==
		["eth0", "tap0", "ve-container"]' "$1"
}

@test "the unit loads, reloads and unloads in its sandbox, by tcx" {
	life tcx
}

@test "the unit loads, reloads and unloads in its sandbox, by clsact" {
	life clsact
}
