# SPDX-License-Identifier: GPL-2.0-only
"""Who may send to the host's own sockets, where nc cannot ask."""

import errno
import socket

from scapy.layers.dhcp import BOOTP, DHCP

from wire import (
    IP,
    TCP,
    UDP,
    Ether,
    Wire,
    cases,
    drops,
    expect,
    fail,
    mac_of,
    namespace,
)

HOST, LAN = "192.168.50.1", "192.168.50.9"


def udp(ns, address, port):
    with namespace(ns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    for option in socket.SO_BROADCAST, socket.SO_REUSEADDR:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind((address, port))
    return sock


def received(sock):
    """All that there is, without waiting."""
    sock.setblocking(False)
    texts = []
    while True:
        try:
            texts.append(sock.recv(65536))
        except OSError as error:
            expect("end of the queue", error.errno, errno.EAGAIN)
            return texts


def unconnected_udp():
    """As a resolver does it: the socket itself would take anybody's answer."""
    before = drops()
    asker = udp("host", "", 15100)
    asker.sendto(b"query", (LAN, 53))
    expect("the answer", asker.recv(65536), f"{HOST}:15100 {LAN}:53 query".encode())
    udp("lan", LAN, 54).sendto(b"unasked, other port", (HOST, 15100))
    udp("lan", "192.168.50.10", 53).sendto(b"unasked, other address", (HOST, 15100))
    udp("exp", "10.1.0.6", 53).sendto(b"unasked, other side", ("10.1.0.2", 15100))
    asker.sendto(b"again", (LAN, 53))
    expect("the answer", asker.recv(65536), f"{HOST}:15100 {LAN}:53 again".encode())
    expect("what else came", received(asker), [])
    expect("drops", drops()["port_closed"] - before["port_closed"], 3)


def tcp_segments():
    """A listener on the very port of a connection, so that only the gateway is in the way."""
    wire, mac = Wire("lan", "eth0"), mac_of("host", "eth0")
    with namespace("host"):
        listener = socket.socket()
        asker = socket.socket()
    for sock in listener, asker:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, 15101))
    asker.connect((LAN, 80))
    listener.listen()
    before = drops()
    to_host = Ether(src=wire.mac, dst=mac) / IP(src=LAN, dst=HOST)
    wire.send(
        to_host / TCP(sport=81, dport=15101, flags="S"),
        to_host / TCP(sport=81, dport=15101, flags="A", ack=1),
        to_host / TCP(sport=80, dport=15102, flags="S"),
    )
    asker.sendall(b"who\n")
    expect("the answer", asker.recv(100), f"{HOST}:15101 {LAN}:80\n".encode())
    after = drops()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    expect("drops", moved, {"port_closed": 2, "no_flow": 1})
    wire.collect()
    unasked = [f for f in wire.frames if TCP in (e := Ether(f)) and e[TCP].dport == 81]
    expect("what the host has sent back", unasked, [])


def only_who_was_asked():
    unconnected_udp()
    tcp_segments()


def icmp_error():
    """Port unreachable, which the kernel tells the socket."""
    for remote in LAN, "10.1.0.6":
        asker = udp("host", "", 0)
        asker.connect((remote, 81))
        asker.send(b"anybody?")
        try:
            fail("answered", asker.recv(100))
        except OSError as error:
            expect(f"the answer of {remote}", error.errno, errno.ECONNREFUSED)


def offer(wire, ip_dst, mac_dst):
    return (
        Ether(src=wire.mac, dst=mac_dst)
        / IP(src=LAN, dst=ip_dst)
        / UDP(sport=67, dport=68)
        / BOOTP(op=2, yiaddr="192.168.50.200", xid=0x5C07)
        / DHCP(options=[("message-type", "offer"), "end"])
    )


def dhcp():
    """Broadcast, to the address that is offered, and to the one that is held (a renewal)."""
    wire, mac = Wire("lan", "eth0"), mac_of("host", "eth0")
    client = udp("host", "", 68)
    wire.send(offer(wire, "255.255.255.255", "ff:ff:ff:ff:ff:ff"))
    expect("broadcast", client.recv(2000)[4:8], b"\0\0\x5c\x07")
    wire.send(offer(wire, HOST, mac))
    expect("unicast", client.recv(2000)[4:8], b"\0\0\x5c\x07")
    # The stack takes nothing for an address that it does not hold: only a packet socket, which
    # sees what the gateway drops as well, could. The counters say that it was let in.
    before = drops()
    wire.send(offer(wire, "192.168.50.200", mac))
    wire.send(offer(wire, HOST, mac))
    expect("the last one", client.recv(2000)[4:8], b"\0\0\x5c\x07")
    expect("drops", drops(), before)
    client.sendto(b"discover", ("255.255.255.255", 67))
    wire.wait("the host's own request", lambda f: UDP in (e := Ether(f)) and e[UDP].dport == 67)


cases(globals())
