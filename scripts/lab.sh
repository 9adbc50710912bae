# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab: a Bitscout machine and its surroundings in network namespaces, for the demo, the
# end-to-end tests and the benchmarks. Sourced, by bash; needs root. Nothing is created outside
# the lab's own namespaces and its directory, and lab_down finds everything by the prefix alone.
#
#	 exp ──── srv ─────── lan ──── host ──── cont        the links
#	  └───── OpenVPN, tap0 ─────────┘                    exp's second way to host
#
#	exp	the expert		tap0 10.1.0.6 fd00:1::6, wan0 198.51.100.6
#	srv	the OpenVPN server	eth0 203.0.113.2, eth1 198.51.100.1, tap0 10.1.0.1
#	lan	the owner's network	eth0 192.168.50.9 fd00:50::9, wan0 203.0.113.1 (it routes)
#	host	the Bitscout machine	tap0 10.1.0.2 fd00:1::2, eth0 192.168.50.1 fd00:50::1,
#					ve-container 10.0.3.1
#	cont	the container		host0 10.0.3.2
#
# A run
#	lab_init PREFIX			names the run; makes LAB_DIR with a bpffs at LAB_DIR/bpf
#	lab_topology [openvpn|veth]	all of lab_base, the VPN, lab_sshd and lab_config
#	lab_down [PREFIX]		removes the run, whatever state it is in; twice is fine.
#					The caller sets the trap.
# The parts
#	lab_base			host, cont and lan
#	lab_tap_veth			exp, a veth named tap0 in place of the VPN
#	lab_openvpn			exp and srv, a real OpenVPN; the host's own transport uses eth0
#	lab_sshd			sshd in cont on port 22 and in host on port 23
#	lab_config			LAB_DIR/scoutbpf.conf
# Building blocks
#	lab_ns NAME			a namespace PREFIX-NAME
#	lab_veth NS1 IF1 NS2 IF2	a veth pair between two namespaces, both ends up
# Doing something in it
#	lab_in NS COMMAND...		runs the command in a namespace
#	lab_spawn NS LOG COMMAND...	the same in the background, output in LAB_DIR/LOG.log; LAB_PID
#	lab_wait SECONDS WHAT COMMAND...  until the command succeeds; after whole SECONDS names WHAT,
#					fails
#	lab_ssh NS ADDRESS [ARGUMENT...]  ssh from a namespace; proves by the host key that port 23
#					is the host and that any other port is the container
#	lab_probe NS ADDRESS PORT [SECONDS]  prints what a TCP connection meets: open, reset,
#					"no answer" or unreachable
#	lab_listens NS PORT		whether a TCP listener has the port
#	lab_whose INODE			the lab's name for a network namespace ("net:[...]")
#	lab_scoutbpf ARGUMENT...	$SCOUTBPF in host, with the lab's configuration and pins

# sshd, openvpn and bpftool live there, which is not in every user's PATH.
PATH=$PATH:/usr/sbin:/sbin
: "${SCOUTBPF:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/scoutbpf}"

_lab_error()
{
	echo "lab: $*" >&2
	return 1
}

_lab_dir()
{
	echo "/tmp/scoutbpf-lab.$1"
}

# --- a run ---

lab_init()
{
	[[ $1 =~ ^[A-Za-z0-9]+$ ]] || _lab_error "$1: a prefix is made of letters and digits" || return
	((EUID == 0)) || _lab_error "network namespaces need root" || return
	[[ ! -e $(_lab_dir "$1") ]] || _lab_error "$(_lab_dir "$1") exists: prefix in use" || return

	# Known before anything exists, so that a trap at any point from here removes it.
	LAB_PREFIX=$1
	LAB_DIR=$(_lab_dir "$1")
	export LAB_PREFIX LAB_DIR SCOUTBPF
	mkdir -m 700 "$LAB_DIR" "$LAB_DIR/bpf" || return
	mount -t bpf bpf "$LAB_DIR/bpf" || _lab_error "$LAB_DIR/bpf: no bpffs can be mounted"
}

lab_topology()
{
	lab_base || return
	case ${1:-openvpn} in
	openvpn) lab_openvpn ;;
	veth) lab_tap_veth ;;
	*) _lab_error "$1: no such VPN, know: openvpn veth" ;;
	esac && lab_sshd && lab_config
}

lab_down()
{
	local prefix=${1:-${LAB_PREFIX:-}} dir ns

	[[ -n $prefix ]] || return 0
	dir=$(_lab_dir "$prefix")
	_lab_kill "$prefix"
	if mountpoint -q "$dir/bpf"; then
		umount "$dir/bpf" 2>/dev/null || umount -l "$dir/bpf" || :
	fi
	for ns in $(_lab_namespaces "$prefix"); do
		ip netns del "$ns" || :
	done
	# Never across a mount: what is left of a bpffs is for the next lab_down to unmount.
	rm -rf --one-file-system "$dir" || :
	[[ ! -e $dir && -z $(_lab_namespaces "$prefix") ]]
}

_lab_namespaces()
{
	ip netns list | awk -v prefix="$1-" 'index($1, prefix) == 1 { print $1 }'
}

# The start time, which tells a process from a later one with the same number. Fails for a process
# that is gone or only waits for its parent.
_lab_started()
{
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	read -r -a stat <<<"${stat##*) }"
	[[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

# Those that lab_spawn recorded, and whatever else runs in the namespaces (ssh sessions, the
# children of a daemon, a shell of someone who looked around).
_lab_pids()
{
	local pid started ns

	{
		while read -r pid started; do
			[[ -n $started && $(_lab_started "$pid") == "$started" ]] && echo "$pid"
		done 2>/dev/null <"$(_lab_dir "$1")/pids"
		for ns in $(_lab_namespaces "$1"); do
			ip netns pids "$ns" 2>/dev/null
		done
	} 2>/dev/null | grep -vxF "$$" | sort -u || :
}

_lab_kill()
{
	local signal pid

	for signal in TERM KILL; do
		for pid in $(_lab_pids "$1"); do
			kill -"$signal" "$pid" 2>/dev/null || :
		done
		lab_wait 3 "processes of $1 to end" _lab_quiet "$1" 2>/dev/null && return
	done
	_lab_error "$1: processes do not end: $(_lab_pids "$1" | tr '\n' ' ')" || :
}

_lab_quiet()
{
	[[ -z $(_lab_pids "$1") ]]
}

# --- building blocks ---

lab_ns()
{
	ip netns add "$LAB_PREFIX-$1" && ip -n "$LAB_PREFIX-$1" link set lo up
}

# Created inside the two namespaces: neither end is ever seen by the machine itself.
lab_veth()
{
	ip -n "$LAB_PREFIX-$1" link add "$2" type veth peer name "$4" netns "$LAB_PREFIX-$3" &&
		ip -n "$LAB_PREFIX-$1" link set "$2" up &&
		ip -n "$LAB_PREFIX-$3" link set "$4" up
}

# NS INTERFACE ADDRESS...
_lab_address()
{
	local ns=$1 interface=$2 address

	shift 2
	for address; do
		case $address in
		*:*) ip -n "$LAB_PREFIX-$ns" address add "$address" dev "$interface" nodad ;;
		*) ip -n "$LAB_PREFIX-$ns" address add "$address" dev "$interface" ;;
		esac || return
	done
}

# NS DESTINATION GATEWAY
_lab_route()
{
	ip -n "$LAB_PREFIX-$1" route add "$2" via "$3"
}

# NS 0|1. A new namespace may inherit the machine's setting.
_lab_forwarding()
{
	lab_in "$1" sysctl -qw "net.ipv4.ip_forward=$2" "net.ipv6.conf.all.forwarding=$2"
}

lab_in()
{
	local ns=$1

	shift
	nsenter --net="/run/netns/$LAB_PREFIX-$ns" "$@"
}

lab_spawn()
{
	local ns=$1 log=$LAB_DIR/$2.log

	shift 2
	# A session of its own survives the terminal of a lab that is kept; descriptors 3 and 4 belong
	# to bats, which waits until nobody holds them.
	setsid nsenter --net="/run/netns/$LAB_PREFIX-$ns" "$@" </dev/null >"$log" 2>&1 3>&- 4>&- &
	LAB_PID=$!
	echo "$LAB_PID $(_lab_started "$LAB_PID")" >>"$LAB_DIR/pids"
	disown "$LAB_PID" 2>/dev/null || :
}

lab_wait()
{
	local seconds=$1 what=$2 deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))

	shift 2
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/[.,]/} < deadline)) ||
			_lab_error "waited $seconds s in vain for $what" || return
		sleep 0.05
	done
}

# --- the parts ---

lab_base()
{
	lab_ns host && lab_ns cont && lab_ns lan || return

	_lab_forwarding host 0 && _lab_forwarding cont 0 && _lab_forwarding lan 0 || return

	lab_veth host ve-container cont host0 &&
		_lab_address host ve-container 10.0.3.1/24 &&
		_lab_address cont host0 10.0.3.2/24 &&
		_lab_route cont default 10.0.3.1 || return

	lab_veth host eth0 lan eth0 &&
		_lab_address host eth0 192.168.50.1/24 fd00:50::1/64 &&
		_lab_address lan eth0 192.168.50.9/24 fd00:50::9/64 &&
		_lab_route host default 192.168.50.9
}

lab_tap_veth()
{
	lab_ns exp && _lab_forwarding exp 0 && lab_veth host tap0 exp tap0 || return
	_lab_address host tap0 10.1.0.2/24 fd00:1::2/64 &&
		_lab_address exp tap0 10.1.0.6/24 fd00:1::6/64
}

lab_openvpn()
{
	[[ -c /dev/net/tun ]] || _lab_error "/dev/net/tun: missing, OpenVPN needs it" || return
	_lab_underlay && mkdir "$LAB_DIR/vpn" || return
	_lab_certificate srv && _lab_certificate host && _lab_certificate exp || return
	_lab_openvpn_server && _lab_openvpn_client host 203.0.113.2 10.1.0.2 &&
		_lab_openvpn_client exp 198.51.100.1 10.1.0.6 || return

	lab_wait 20 "the VPN between exp and host" lab_in exp ping -qc1 -W0.3 10.1.0.2 || {
		tail -n 5 "$LAB_DIR"/openvpn-*.log >&2
		return 1
	}
	_lab_address host tap0 fd00:1::2/64 && _lab_address exp tap0 fd00:1::6/64
}

# The server is on the internet behind the LAN: it has no route to the container, so that only
# masqueraded packets are answered.
_lab_underlay()
{
	lab_ns srv && lab_ns exp || return
	_lab_forwarding srv 0 && _lab_forwarding exp 0 && _lab_forwarding lan 1 || return

	lab_veth lan wan0 srv eth0 &&
		_lab_address lan wan0 203.0.113.1/24 &&
		_lab_address srv eth0 203.0.113.2/24 &&
		_lab_route srv 192.168.50.0/24 203.0.113.1 || return

	lab_veth exp wan0 srv eth1 &&
		_lab_address exp wan0 198.51.100.6/24 &&
		_lab_address srv eth1 198.51.100.1/24
}

# Self-signed: the peers know each other by fingerprint, no authority is needed.
_lab_certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$LAB_DIR/vpn/$1.key" -out "$LAB_DIR/vpn/$1.crt" 2>/dev/null ||
		_lab_error "openssl made no certificate for $1"
}

# NAME PEER...: what both ends have in common
_lab_openvpn_common()
{
	local name=$1 peer

	shift
	cat <<-END
		dev tap0
		dev-type tap
		proto udp4
		cert $LAB_DIR/vpn/$name.crt
		key $LAB_DIR/vpn/$name.key
		data-ciphers AES-256-GCM
		verb 3
	END
	echo "<peer-fingerprint>"
	for peer; do
		openssl x509 -in "$LAB_DIR/vpn/$peer.crt" -noout -fingerprint -sha256 | sed 's/.*=//'
	done
	echo "</peer-fingerprint>"
}

_lab_openvpn_server()
{
	{
		_lab_openvpn_common srv host exp
		cat <<-END
			mode server
			tls-server
			dh none
			client-to-client
			keepalive 2 15
			ifconfig 10.1.0.1 255.255.255.0
		END
	} >"$LAB_DIR/vpn/srv.conf"
	lab_spawn srv openvpn-srv openvpn --config "$LAB_DIR/vpn/srv.conf"
	lab_wait 10 "the OpenVPN server" _lab_openvpn_up srv
}

# NAME SERVER ADDRESS
_lab_openvpn_client()
{
	{
		_lab_openvpn_common "$1" srv
		cat <<-END
			client
			remote $2 1194
			nobind
			connect-retry 1
			ifconfig $3 255.255.255.0
		END
	} >"$LAB_DIR/vpn/$1.conf"
	lab_spawn "$1" "openvpn-$1" openvpn --config "$LAB_DIR/vpn/$1.conf"
	lab_wait 15 "the OpenVPN client of $1" _lab_openvpn_up "$1" || {
		tail -n 5 "$LAB_DIR/openvpn-$1.log" >&2
		return 1
	}
}

_lab_openvpn_up()
{
	grep -q "Initialization Sequence Completed" "$LAB_DIR/openvpn-$1.log"
}

lab_sshd()
{
	local dir=$LAB_DIR/ssh key

	mkdir -p "$dir/home" || return
	for key in client cont host; do
		ssh-keygen -q -t ed25519 -N "" -C "scoutbpf lab" -f "$dir/$key" || return
	done
	{
		echo "[*]:23 $(<"$dir/host.pub")"
		echo "*,![*]:23 $(<"$dir/cont.pub")"
	} >"$dir/known_hosts"
	_lab_ssh_client_config >"$dir/config"
	_lab_ssh_accounts
	_lab_ssh_server cont 22 && _lab_ssh_server host 23
}

_lab_ssh_client_config()
{
	cat <<-END
		User root
		IdentityFile $LAB_DIR/ssh/client
		IdentitiesOnly yes
		UserKnownHostsFile $LAB_DIR/ssh/known_hosts
		GlobalKnownHostsFile none
		StrictHostKeyChecking yes
		UpdateHostKeys no
		BatchMode yes
		ConnectTimeout 5
		LogLevel ERROR
	END
}

# The machine's root account may be locked, or its shell may print things.
_lab_ssh_accounts()
{
	{
		echo "root:x:0:0:root:$LAB_DIR/ssh/home:/bin/sh"
		getent passwd sshd
	} >"$LAB_DIR/ssh/passwd"
	echo "root:*:19000:0:99999:7:::" >"$LAB_DIR/ssh/shadow"
}

# NS PORT. sshd wants its directory in /run and the accounts above, and records logins. It gets a
# mount namespace of its own, where the machine's files are only covered.
_lab_ssh_server()
{
	local conf=$LAB_DIR/ssh/$1.conf

	cat >"$conf" <<-END
		Port $2
		HostKey $LAB_DIR/ssh/$1
		AuthorizedKeysFile $LAB_DIR/ssh/client.pub
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UsePAM no
		StrictModes no
		UseDNS no
		PidFile none
		PrintMotd no
		PrintLastLog no
		MaxStartups 1000
		Subsystem sftp internal-sftp
	END
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_spawn "$1" "sshd-$1" unshare --mount sh -ec '
		mount --bind "$1/passwd" /etc/passwd
		mount --bind "$1/shadow" /etc/shadow
		mount -t tmpfs -o mode=755 tmpfs /run
		mount -t tmpfs -o mode=755 tmpfs /var/log
		touch /var/log/lastlog
		mkdir -m 755 /run/sshd
		exec "$2" -D -e -f "$3"' sh "$LAB_DIR/ssh" "$(command -v sshd)" "$conf"
	lab_wait 10 "sshd in $1" lab_listens "$1" "$2" || {
		cat "$LAB_DIR/sshd-$1.log" >&2
		return 1
	}
}

lab_config()
{
	cat >"$LAB_DIR/scoutbpf.conf" <<-END
		[scoutbpf]
		vpn = tap0
		lan = eth0
		host-control-port = 23
		lan-access = off
		host-control = off
		egress = any

		[container]
		interface = ve-container
		address = 10.0.3.2
		forward = 22 2000-2009
	END
}

# --- doing something in it ---

lab_ssh()
{
	local ns=$1

	shift
	lab_in "$ns" ssh -F "$LAB_DIR/ssh/config" "$@"
}

lab_probe()
{
	local said rc=0

	# shellcheck disable=SC2016 # expanded by the inner shell
	said=$(LC_ALL=C lab_in "$1" timeout "${4:-1}" bash -c 'exec 3<>"/dev/tcp/$0/$1"' \
		"$2" "$3" 2>&1) || rc=$?
	case $rc:$said in
	0:*) echo "open" ;;
	124:*) echo "no answer" ;;
	*refused*) echo "reset" ;;
	*) echo "unreachable" ;;
	esac
}

lab_listens()
{
	[[ -n $(lab_in "$1" ss -Hltn "sport = $2") ]]
}

lab_whose()
{
	local ns

	for ns in $(_lab_namespaces "$LAB_PREFIX"); do
		[[ $1 == "net:[$(stat -Lc %i "/run/netns/$ns")]" ]] && echo "${ns#"$LAB_PREFIX"-}" && return
	done
	echo "outside the lab"
}

lab_scoutbpf()
{
	lab_in host "$SCOUTBPF" -c "$LAB_DIR/scoutbpf.conf" -p "$LAB_DIR/bpf/scoutbpf" "$@"
}
