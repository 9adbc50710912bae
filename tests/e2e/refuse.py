# SPDX-License-Identifier: GPL-2.0-only
"""
What must not get through, as frames that no socket would send.

Each case sends its frames, then a datagram that is let in. When the latter has reached the
container, all before it are through or dropped: the container must have got nothing but the
datagram, the host's stack nothing at all, the sender no answer, and the drops must be the
expected ones, to the packet.
"""

import socket

from scapy.layers.inet import GRE, IPOption_RR, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import Dot1AD, Dot1Q

from wire import (
    ICMP,
    IP,
    TCP,
    UDP,
    Ether,
    IPv6,
    Raw,
    Wire,
    cases,
    counter,
    drops,
    expect,
    fail,
    mac_of,
    namespace,
    run_in,
    scoutbpf,
)

exp, lan, cont = Wire("exp", "tap0"), Wire("lan", "eth0"), Wire("cont", "host0")
exp_frame = Ether(src=exp.mac, dst=mac_of("host", "tap0"))
lan_frame = Ether(src=lan.mac, dst=mac_of("host", "eth0"))
cont_frame = Ether(src=cont.mac, dst=mac_of("host", "ve-container"))
exp_to_host = exp_frame / IP(src="10.1.0.6", dst="10.1.0.2")
lan_to_host = lan_frame / IP(src="192.168.50.9", dst="192.168.50.1")
exp6_to_host = exp_frame / IPv6(src="fd00:1::6", dst="fd00:1::2")
cont_to_lan = cont_frame / IP(src="10.0.3.2", dst="192.168.50.9")

# The answer to what is let in is expected, or the expert's stack would complain.
with namespace("exp"):
    answered = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answered.bind(("10.1.0.6", 14000))
LET_IN = exp_to_host / UDP(sport=14000, dport=2000)
SYN22, SYN23, SYN80 = (TCP(sport=14001, dport=port, flags="S") for port in (22, 23, 80))
BROADCAST = "ff:ff:ff:ff:ff:ff"

# Of the host's stack: anything received, anything said back.
STACK = (
    "IpInReceives",
    "TcpInSegs",
    "TcpOutRsts",
    "IcmpOutMsgs",
    "UdpInDatagrams",
    "Udp6InDatagrams",
    "UdpNoPorts",
    "Udp6NoPorts",
    "Icmp6OutDestUnreachs",
    "Icmp6OutParmProblems",
    "Icmp6OutEchoReplies",
)


def stack():
    return {name: counter("host", name) for name in STACK}


def moved(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def is_answer(frame):
    """Neighbour discovery is what the link itself says. The stack's counters tell ICMPv6."""
    ether = Ether(frame)
    return IP in ether or TCP in ether or UDP in ether


def refused(wire, frames, **expected):
    """Sent by the wire, FRAMES move the drop counters as EXPECTED, and do nothing else."""
    for end in exp, lan, cont:
        end.collect()
        end.frames.clear()
    received, dropped = stack(), drops()
    wire.send(*frames)
    exp.send(LET_IN / b"let in")
    cont.wait("the datagram that is let in", lambda frame: b"let in" in frame)
    exp.wait("its answer", lambda frame: b"let in" in frame)
    for end in exp, lan, cont:
        end.collect()
        strange = [f for f in end.frames if is_answer(f) and b"let in" not in f]
        if strange:
            fail(f"{end.ns} has received:", *strange)
    expect("the host's stack", moved(received, stack()), {})
    expect("drops", moved(dropped, drops()), expected)


def fragments():
    udp = exp_to_host / UDP(sport=14002, dport=2000) / (b"fragmented " * 300)
    parts = fragment(udp, fragsize=1000)
    tiny = exp_to_host.copy()
    tiny[IP].flags, tiny[IP].proto = "MF", 6
    frames = [*parts, *reversed(parts), tiny / Raw(bytes(SYN22)[:8])]
    frames.append(exp6_to_host / IPv6ExtHdrFragment(m=1) / SYN22)
    frames.append(exp6_to_host / IPv6ExtHdrFragment(offset=100, nh=6) / b"later part")
    refused(exp, frames, fragment=len(frames))
    frames = fragment(lan_to_host / UDP(sport=1, dport=2000) / (b"fragmented " * 300), 1000)
    refused(lan, frames, fragment=len(frames))


def ip_options():
    options = [IPOption_RR(routers=["10.1.0.7"])]
    frames = []
    for layer in SYN22, SYN23, SYN80, UDP(sport=14003, dport=2000):
        frame = exp_to_host / layer
        frame[IP].options = options
        frames.append(frame)
    refused(exp, frames, ip_options=4)


def vlan_tags():
    ip = IP(src="10.1.0.6", dst="10.1.0.2")
    frames = [
        exp_frame / Dot1Q(vlan=7) / ip / SYN22,
        exp_frame / Dot1Q(vlan=7) / ip / SYN23,
        exp_frame / Dot1AD(vlan=7) / Dot1Q(vlan=8) / ip / SYN22,
        exp_frame / Dot1Q(vlan=0) / Dot1Q(vlan=7) / ip / SYN22,
        exp_frame / Dot1Q(vlan=7) / IPv6(src="fd00:1::6", dst="fd00:1::2") / SYN23,
    ]
    refused(exp, frames, vlan=5)


def priority_tag():
    """VLAN 0 is none: the container gets the packet, without the tag."""
    ip = IP(src="10.1.0.6", dst="10.1.0.2")
    exp.send(exp_frame / Dot1Q(vlan=0, prio=5) / ip / UDP(sport=14004, dport=2000) / b"prio")
    seen = Ether(cont.wait("the packet", lambda frame: b"prio" in frame))
    expect("its ethertype", hex(seen.type), "0x800")
    exp.wait("its answer", lambda frame: b"prio" in frame)
    refused(exp, [exp_frame / Dot1Q(vlan=0, prio=5) / ip / SYN80], port_closed=1)


def other_machines():
    """Unknown unicast is flooded by a VPN server; to answer it would be to answer for others."""
    foreign = Ether(src=exp.mac, dst="02:00:00:00:00:99")
    frames = [
        foreign / IP(src="10.1.0.6", dst="10.1.0.7") / SYN22,
        foreign / IP(src="10.1.0.6", dst="10.1.0.2") / SYN22,
        foreign / IP(src="10.1.0.6", dst="10.1.0.2") / UDP(sport=14005, dport=2000),
        foreign / IPv6(src="fd00:1::6", dst="fd00:1::2") / SYN23,
    ]
    refused(exp, frames, other_host=4)
    foreign.src = lan.mac
    frames = [foreign / IP(src="192.168.50.9", dst="192.168.50.1") / SYN22]
    refused(lan, frames, other_host=1)


def groups():
    group = Ether(src=exp.mac, dst=BROADCAST)
    multicast = Ether(src=exp.mac, dst="01:00:5e:00:00:01")
    frames = [
        group / IP(src="10.1.0.6", dst="10.1.0.2") / SYN22,
        group / IP(src="10.1.0.6", dst="10.1.0.2") / UDP(sport=14006, dport=2000),
        group / IP(src="10.1.0.6", dst="255.255.255.255") / UDP(sport=14006, dport=2000),
        multicast / IP(src="10.1.0.6", dst="224.0.0.1") / UDP(sport=14006, dport=2000),
        multicast / IP(src="10.1.0.6", dst="10.1.0.2") / SYN22,
        exp_frame / IP(src="10.1.0.6", dst="224.0.0.1") / UDP(sport=14006, dport=2000),
        exp_frame / IP(src="10.1.0.6", dst="255.255.255.255") / UDP(sport=14006, dport=2000),
        group / IP(src="10.1.0.6", dst="10.1.0.2") / ICMP(),
        multicast / IPv6(src="fd00:1::6", dst="ff02::1") / UDP(sport=14006, dport=2000),
        multicast / IPv6(src="fd00:1::6", dst="ff02::1") / ICMPv6EchoRequest(),
    ]
    refused(exp, frames, group=len(frames))
    frames = [exp_frame / IP(src="10.1.0.6", dst="10.1.0.255") / UDP(sport=14006, dport=2000)]
    refused(exp, frames, not_local=1)


def wrong_addresses():
    elsewhere = "10.1.0.7", "10.0.3.1", "10.0.3.2", "192.168.50.1", "192.168.50.9", "8.8.8.8"
    frames = [exp_frame / IP(src="10.1.0.6", dst=dst) / SYN22 for dst in elsewhere]
    frames += [
        exp_frame / IP(src="10.1.0.6", dst=dst) / UDP(sport=14007, dport=2000)
        for dst in elsewhere
    ]
    frames += [exp_frame / IP(src="10.1.0.6", dst=dst) / ICMP() for dst in elsewhere]
    frames += [exp_frame / IPv6(src="fd00:1::6", dst="fd00:50::1") / ICMPv6EchoRequest()]
    frames += [exp_frame / IP(src="10.1.0.6", dst="127.0.0.1") / SYN22]
    refused(exp, frames, not_local=len(frames))


def no_default_route():
    """No route is no sign of a local address."""
    run_in("host", "ip", "route", "del", "default")
    try:
        frames = [
            exp_frame / IP(src="10.1.0.6", dst=dst) / layer
            for dst in ("8.8.8.8", "10.9.9.9")
            for layer in (SYN22, UDP(sport=14008, dport=2000), ICMP())
        ]
        refused(exp, frames, not_local=6)
    finally:
        run_in("host", "ip", "route", "add", "default", "via", "192.168.50.9")


def scans():
    """No packet but a SYN opens anything, on open ports and on closed ones."""
    flags = "A", "F", "R", "RA", "", "FPU", "SA", "SF", "SR", "PA"
    frames = [
        exp_to_host / TCP(sport=14009, dport=port, flags=flag, ack=1)
        for flag in flags
        for port in (22, 23, 80)
    ]
    refused(exp, frames, no_flow=len(frames))
    frames = [lan_to_host / TCP(sport=14009, dport=port, flags="A") for port in (22, 23, 80)]
    refused(lan, frames, no_flow=3)
    frames = [exp6_to_host / TCP(sport=14009, dport=port, flags="A") for port in (22, 23, 80)]
    refused(exp, frames, no_flow=3)


def closed_ports():
    frames = [exp_to_host / UDP(sport=14010, dport=port) for port in (22, 23, 53, 2010, 65535)]
    frames += [exp_to_host / TCP(sport=14010, dport=port, flags="S") for port in (1, 80, 2010)]
    frames += [exp6_to_host / UDP(sport=14010, dport=53), exp6_to_host / SYN80]
    refused(exp, frames, port_closed=10)
    refused(exp, [exp_to_host / SYN23, exp6_to_host / SYN23], host_control_off=2)
    refused(exp, [exp6_to_host / SYN22], ipv6=1)
    frames = [lan_to_host / SYN22, lan_to_host / UDP(sport=14010, dport=2000)]
    refused(lan, frames, lan_off=2)
    refused(lan, [lan_to_host / SYN23, lan_to_host / SYN80], host_control_off=1, port_closed=1)


def other_protocols():
    frames = [
        exp_to_host / GRE() / IP(src="10.1.0.6", dst="10.0.3.2") / SYN22,
        exp_to_host / IP(src="10.1.0.6", dst="10.0.3.2") / SYN22,  # IP in IP
        exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=132) / (b"\0" * 32),  # SCTP
        exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=50) / (b"\0" * 32),  # ESP
        exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=41) / (b"\0" * 40),  # IPv6 in IP
        exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=58) / (b"\0" * 32),
        exp_frame / IPv6(src="fd00:1::6", dst="fd00:1::2", nh=47) / (b"\0" * 32),
        exp_frame / IPv6(src="fd00:1::6", dst="fd00:1::2", nh=1) / (b"\0" * 32),
        exp_frame / IPv6(src="fd00:1::6", dst="fd00:1::2", nh=59),
    ]
    refused(exp, frames, protocol=len(frames))


def extension_headers():
    """A chain hides no port; a longer one than a host sends is refused whole."""
    pad = [PadN(optdata=b"\0\0\0\0")]
    hop, dest = IPv6ExtHdrHopByHop(options=pad), IPv6ExtHdrDestOpt(options=pad)
    frames = [
        exp6_to_host / hop / SYN23,
        exp6_to_host / hop / dest / SYN23,
        exp6_to_host / dest / SYN23,
        exp6_to_host / IPv6ExtHdrRouting(type=4, addresses=["fd00:1::2"]) / SYN23,
    ]
    refused(exp, frames, host_control_off=4)
    refused(exp, [exp6_to_host / hop / dest / SYN22], ipv6=1)
    refused(exp, [exp6_to_host / hop / dest / SYN80], port_closed=1)
    refused(exp, [exp6_to_host / hop / IPv6ExtHdrFragment(m=1) / SYN23], fragment=1)
    long = exp6_to_host
    for _ in range(10):
        long = long / dest
    refused(exp, [long / SYN23, exp6_to_host / Raw(b"")], malformed=1, protocol=1)


def cut_short():
    whole = bytes(exp_to_host / SYN22)
    ip, tcp = 14, 34
    bad_ihl = whole[:ip] + b"\x44" + whole[ip + 1 :]
    version = whole[:ip] + b"\x65" + whole[ip + 1 :]
    short_tcp = exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=6) / bytes(SYN22)[:12]
    short_udp = exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", proto=17) / b"\0\x07\x07"
    too_long = exp_frame / IP(src="10.1.0.6", dst="10.1.0.2", len=1400) / SYN22
    bad_offset = exp_to_host / TCP(sport=1, dport=22, flags="S", dataofs=4)
    frames = [bad_ihl, version, short_tcp, short_udp, too_long, bad_offset, whole[: tcp + 4]]
    short6 = exp_frame / IPv6(src="fd00:1::6", dst="fd00:1::2", nh=6) / bytes(SYN23)[:12]
    refused(exp, [*frames, short6], malformed=8)


def icmp():
    quoted = bytes(IP(src="10.1.0.2", dst="10.1.0.6") / TCP(sport=22, dport=14011))[:28]
    errors = [
        exp_to_host / ICMP(type=3, code=3) / quoted,
        exp_to_host / ICMP(type=11) / quoted,
        exp_to_host / ICMP(type=3, code=4, nexthopmtu=576) / quoted,
    ]
    refused(exp, errors, icmp_error=3)
    types = [exp_to_host / ICMP(type=kind) for kind in (0, 4, 5, 9, 13, 15, 17)]
    refused(exp, types, icmp_type=7)


def other_zone():
    """The LAN claims to be the expert, and so belongs to none of the expert's connections."""
    exp.send(exp_to_host / UDP(sport=14012, dport=2000) / b"the expert's")
    exp.wait("the answer to the expert", lambda frame: b"the expert's" in frame)
    forged = lan_frame / IP(src="10.1.0.6", dst="10.1.0.2")
    frames = [forged / UDP(sport=14012, dport=2000) / b"forged"]
    refused(lan, frames, lan_off=1)
    scoutbpf("map", "lan", "on")
    try:
        refused(lan, frames, not_local=1)
    finally:
        scoutbpf("map", "lan", "off")


def from_the_container():
    elsewhere = Ether(src=cont.mac, dst="02:00:00:00:00:99")
    ip = IP(src="10.0.3.2", dst="192.168.50.9")
    refused(cont, [elsewhere / ip / SYN80], other_host=1)
    frames = [
        Ether(src=cont.mac, dst=BROADCAST) / IP(src="10.0.3.2", dst="255.255.255.255") / UDP(),
        Ether(src=cont.mac, dst="01:00:5e:00:00:fb")
        / IP(src="10.0.3.2", dst="224.0.0.251")
        / UDP(sport=5353, dport=5353),
    ]
    refused(cont, frames, group=2)
    frames = [cont_frame / IP(src=src, dst="192.168.50.9") / SYN80 for src in ("10.1.0.6", "1.1.1.1")]
    refused(cont, frames, spoofed=2)
    refused(cont, [cont_to_lan / TCP(sport=1, dport=80, flags="A")], no_flow=1)
    refused(cont, [cont_to_lan / GRE() / ip / SYN80], protocol=1)
    refused(cont, fragment(cont_to_lan / UDP() / (b"x" * 3000), 1000), fragment=4)


cases(globals())
