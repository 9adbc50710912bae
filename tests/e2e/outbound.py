# SPDX-License-Identifier: GPL-2.0-only
"""Clients in the container, many of them, and strangers who guess their ports."""

import socket

from wire import IP, TCP, UDP, Ether, Wire, cases, drops, expect, fail, mac_of, namespace

CONTAINER, HOST, LAN = "10.0.3.2", "192.168.50.1", "192.168.50.9"


def client(kind=socket.SOCK_STREAM):
    with namespace("cont"):
        sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(10)
    return sock


def read_all(sock):
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def many():
    """All are open at the same time, and each sends what only it gets back."""
    clients = [client() for _ in range(500)]
    for sock in clients:
        sock.setblocking(False)
        sock.connect_ex((LAN, 80))
    for sock in clients:
        sock.settimeout(10)
    for i, sock in enumerate(clients):
        sock.sendall(b"echo\nI am %d\n" % i)
    for sock in clients:
        sock.shutdown(socket.SHUT_WR)
    for i, sock in enumerate(clients):
        expect(f"answer to {i}", read_all(sock), b"I am %d\n" % i)


def masqueraded_port(lan, is_request):
    frame = Ether(lan.wait("the request", is_request))
    return (frame[TCP] if TCP in frame else frame[UDP]).sport


def strangers(lan, proto, port, **fields):
    """Each differs from the server's answer in one place."""
    to_host = Ether(src=lan.mac, dst=mac_of("host", "eth0"))
    other_port = to_host / IP(src=LAN, dst=HOST) / proto(sport=7, dport=port, **fields)
    other_address = to_host / IP(src="192.168.50.8", dst=HOST) / proto(dport=port, **fields)
    other_address.sport = 53 if proto is UDP else 80
    lan.send(other_port / b"stranger", other_address / b"stranger")
    exp = Wire("exp", "tap0")
    other_side = Ether(src=exp.mac, dst=mac_of("host", "tap0")) / IP(src=LAN, dst="10.1.0.2")
    exp.send(other_side / proto(sport=other_address.sport, dport=port, **fields) / b"stranger")


def only_who_was_asked():
    lan, cont = Wire("lan", "eth0"), Wire("cont", "host0")
    udp, tcp = client(socket.SOCK_DGRAM), client()
    udp.sendto(b"asked", (LAN, 53))
    port = masqueraded_port(lan, lambda f: b"asked" in f)
    expect("the answer", udp.recv(100), f"{HOST}:{port} {LAN}:53 asked".encode())
    before = drops()
    strangers(lan, UDP, port)

    tcp.connect((LAN, 80))
    tcp.sendall(b"echo\nasked by tcp\n")
    expect("the answer", tcp.recv(100), b"asked by tcp\n")
    port = masqueraded_port(lan, lambda f: b"asked by tcp" in f)
    strangers(lan, TCP, port, flags="A", ack=1)

    tcp.sendall(b"done")
    expect("the answer", tcp.recv(100), b"done")
    cont.wait("the last answer", lambda f: b"done" in f)
    if any(b"stranger" in frame for frame in cont.frames):
        fail("entered the container:", *cont.frames)
    after = drops()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    expect("drops", moved, {"port_closed": 3, "no_flow": 3})


cases(globals())
