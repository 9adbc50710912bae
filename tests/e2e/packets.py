# SPDX-License-Identifier: GPL-2.0-only
"""Whole packets, before and after the gateway. Expectations are scapy's own arithmetic."""

import socket

from scapy.utils import checksum

from wire import (
    IP,
    TCP,
    UDP,
    Ether,
    Raw,
    Wire,
    cases,
    counter,
    drops,
    expect,
    fail,
    mac_of,
    namespace,
)

EXPERT, HOST, CONTAINER = "10.1.0.6", "10.1.0.2", "10.0.3.2"

exp, cont = Wire("exp", "tap0"), Wire("cont", "host0")
tap, veth = mac_of("host", "tap0"), mac_of("host", "ve-container")


def to_host(layer, **ip):
    return Ether(src=exp.mac, dst=tap) / IP(src=EXPERT, dst=HOST, **ip) / layer


def is_about(text):
    return lambda frame: text in frame


def translated(frame, src, dst, macs, sport=None, dport=None):
    """What FRAME is to become; checksums that it lacks stay away."""
    out = Ether(bytes(frame))
    out.src, out.dst = macs
    ip = out[IP]
    ip.src, ip.dst, ip.ttl = src, dst, ip.ttl - 1
    del ip.chksum
    layer = ip[UDP] if UDP in ip else ip[TCP]
    layer.sport, layer.dport = sport or layer.sport, dport or layer.dport
    if not (UDP in ip and layer.chksum == 0):
        del layer.chksum
    return bytes(out)


def into_container(frame, dport=None):
    return translated(frame, EXPERT, CONTAINER, (veth, cont.mac), dport=dport)


OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]


def whole():
    shapes = [
        (to_host(UDP(sport=13000, dport=2000) / b"udp, plain"), None),
        (to_host(UDP(sport=13001, dport=5353) / b"udp, mapped"), 2000),
        (to_host(UDP(sport=13002, dport=2001) / b"udp, of odd length."), None),
        (to_host(UDP(sport=13003, dport=2000) / (b"udp, as long as it gets" * 64)[:1472]), None),
        (to_host(UDP(sport=13004, dport=2000) / b"udp, marked", tos=0xB9, id=7, flags="DF"), None),
        (to_host(UDP(sport=13005, dport=2000) / b"udp, far travelled", ttl=2), None),
        (to_host(TCP(sport=13006, dport=22, seq=1, options=OPTIONS) / b"syn with data"), None),
        (to_host(TCP(sport=13007, dport=8080, seq=2, flags="SEC") / b"syn, mapped"), 80),
    ]
    for frame, dport in shapes:
        text = bytes(frame[Raw])
        exp.send(frame)
        seen = cont.wait(text[:20], is_about(text))
        expected = into_container(frame, dport)
        if seen != expected:
            fail(f"{text[:20]}: received, expected", bytes(seen), expected)
    padded = bytes(to_host(UDP(sport=13008, dport=2000) / b"short")) + b"padding of the frame"
    exp.send(padded)
    seen = cont.wait("a padded frame", is_about(b"short"))
    expected = into_container(to_host(UDP(sport=13008, dport=2000) / b"short"))
    expect("a padded frame", bytes(seen[: len(expected)]), expected)


def whole_answer():
    """The container's end is played, too, on a port without a server."""
    question = to_host(UDP(sport=13100, dport=2005) / b"question")
    exp.send(question)
    cont.wait("the question", is_about(b"question"))
    for ttl, text in (64, b"the answer"), (2, b"another answer, odd"):
        answer = (
            Ether(src=cont.mac, dst=veth)
            / IP(src=CONTAINER, dst=EXPERT, ttl=ttl, id=99, tos=0x10, flags="DF")
            / UDP(sport=2005, dport=13100)
            / text
        )
        cont.send(answer)
        seen = exp.wait(text, is_about(text))
        expect(text, bytes(seen), translated(answer, HOST, EXPERT, (tap, exp.mac)))


def find_payload():
    """Two bytes that make the checksum of the translated packet zero before it is written."""
    probe = IP(src=EXPERT, dst=CONTAINER) / UDP(sport=13200, dport=2000, chksum=0) / b"\0\0"
    udp = bytes(probe[UDP])
    pseudo = socket.inet_aton(EXPERT) + socket.inet_aton(CONTAINER) + b"\0\x11\0\x0a"
    return checksum(pseudo + udp).to_bytes(2, "big")


def udp_checksums():
    none = to_host(UDP(sport=13201, dport=2000, chksum=0) / b"no checksum")
    exp.send(none)
    seen = cont.wait("udp without a checksum", is_about(b"no checksum"))
    expect("udp without a checksum", bytes(seen), into_container(none))
    expect("its checksum", Ether(seen)[UDP].chksum, 0)

    payload = find_payload()
    exp.send(to_host(UDP(sport=13200, dport=2000) / payload))
    seen = cont.wait("udp", lambda f: UDP in (e := Ether(f)) and e[UDP].sport == 13200)
    expect("the payload", bytes(Ether(seen)[UDP].payload)[:2], payload)
    expect("a checksum that becomes zero", Ether(seen)[UDP].chksum, 0xFFFF)


def pseudo_sum(ip):
    length = ip.len - 20
    data = socket.inet_aton(ip.src) + socket.inet_aton(ip.dst)
    data += bytes([0, ip.proto]) + length.to_bytes(2, "big")
    return ~checksum(data) & 0xFFFF


def check_unfinished(where, frame):
    if not frame.unfinished:
        fail(f"{where}: the frame has a finished checksum, the test has lost its object", frame)
    ip = Ether(frame)[IP]
    layer = ip[UDP] if UDP in ip else ip[TCP]
    expect(f"{where}: sum of the pseudo header", layer.chksum, pseudo_sum(ip))


def unfinished_checksums():
    """As a socket on this machine sends it: the checksum field holds the pseudo header's sum."""
    with namespace("exp"):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    udp.sendto(b"unfinished", (HOST, 5353))
    check_unfinished("udp, there", cont.wait("udp", is_about(b"unfinished")))
    check_unfinished("udp, back", exp.wait("the answer", is_about(b"unfinished")))
    tcp.connect((HOST, 8080))
    tcp.sendall(b"echo\n" + b"unfinished business" * 1000)
    check_unfinished("tcp, there", cont.wait("tcp", is_about(b"unfinished business")))
    check_unfinished("tcp, back", exp.wait("the echo", is_about(b"unfinished business")))


def two_ways():
    """Behind either port is the same one: of one client's tuple there can be only one."""
    before = drops()["tuple_taken"]
    exp.send(
        to_host(UDP(sport=13500, dport=2000) / b"by 2000"),
        to_host(UDP(sport=13500, dport=5353) / b"by 5353"),
        to_host(UDP(sport=13500, dport=2000) / b"again by 2000"),
        to_host(TCP(sport=13501, dport=8080, seq=1) / b"by 8080"),
        to_host(TCP(sport=13501, dport=8081, seq=1) / b"by 8081"),
        to_host(TCP(sport=13502, dport=8081, seq=1) / b"of another port"),
    )
    cont.wait("the last one", is_about(b"of another port"))
    for text in b"by 2000", b"again by 2000", b"by 8080":
        cont.wait(text, is_about(text))
    if any(b"by 5353" in frame or b"by 8081" in frame for frame in cont.frames):
        fail("entered the container:", *cont.frames)
    expect("refused", drops()["tuple_taken"] - before, 2)


def last_hop():
    before = drops()["ttl"]
    exp.send(
        to_host(UDP(sport=13300, dport=2000) / b"ends here", ttl=1),
        to_host(UDP(sport=13301, dport=2000) / b"ends here", ttl=0),
        to_host(TCP(sport=13302, dport=2000) / b"ends here", ttl=1),
        to_host(UDP(sport=13303, dport=2000) / b"goes on", ttl=2),
    )
    seen = cont.wait("what has a hop left", is_about(b"goes on"))
    expect("its time to live", Ether(seen)[IP].ttl, 1)
    if any(b"ends here" in frame for frame in cont.frames):
        fail("entered the container:", *cont.frames)
    expect("dropped for their time to live", drops()["ttl"] - before, 3)


def wrong_checksum():
    """The gateway repairs nothing, and the counters that other tests rely on do count."""
    before = counter("cont", "UdpInCsumErrors"), counter("cont", "TcpInCsumErrors")
    exp.send(
        to_host(UDP(sport=13400, dport=2000, chksum=0x1234) / b"wrong"),
        to_host(TCP(sport=13401, dport=2000, chksum=0x1234) / b"wrong"),
        to_host(UDP(sport=13402, dport=2000) / b"right"),
    )
    exp.wait("the answer", is_about(b"10.1.0.6:13402 10.0.3.2:2000 right"))
    after = counter("cont", "UdpInCsumErrors"), counter("cont", "TcpInCsumErrors")
    expect("checksum errors", (after[0] - before[0], after[1] - before[1]), (1, 1))


cases(globals())
