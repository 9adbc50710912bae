# SPDX-License-Identifier: GPL-2.0-only
"""Clients that are too many, or too exact, for nc. Servers are those of forward.bats."""

import json
import socket
import threading

from wire import IP, TCP, Ether, Wire, cases, drops, expect, fail, namespace, scoutbpf

HOST = "10.1.0.2"
EXPERT = "10.1.0.6"


def client(source_port=0, kind=socket.SOCK_STREAM):
    with namespace("exp"):
        sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((EXPERT, source_port))
    return sock


def read_all(sock):
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def ask(sock, port, line):
    sock.connect((HOST, port))
    sock.sendall(line)
    return read_all(sock)


def one_source_port():
    """The server ends each: the client's port is free at once, the container's end waits."""
    for i in range(200):
        with client(11000) as sock:
            answer = ask(sock, 2000, b"who\n")
        expect(f"connection {i}", answer, f"{EXPERT}:11000 10.0.3.2:2000\n".encode())


def closed_meanwhile():
    """The old connection is ending still, and a SYN on it asks the policy anew."""
    scoutbpf("map", "port", "add", "9010:2000")
    with client(11001) as sock:
        ask(sock, 9010, b"who\n")
    scoutbpf("map", "port", "del", "9010")
    before = drops()["port_closed"]
    with client(11001) as sock:
        sock.settimeout(0.3)
        try:
            sock.connect((HOST, 9010))
            fail("the closed port was open")
        except TimeoutError:
            pass
    expect("a drop", drops()["port_closed"] > before, True)


def at_once():
    answers = {}

    def one(sock):
        port = sock.getsockname()[1]
        sock.connect((HOST, 2001))
        sock.sendall(b"echo\n" + str(port).encode() * 1000)
        sock.shutdown(socket.SHUT_WR)
        answers[port] = read_all(sock)

    clients = [client() for _ in range(50)]
    threads = [threading.Thread(target=one, args=(sock,)) for sock in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sock in clients:
        port = sock.getsockname()[1]
        expect(f"answer to {port}", answers.get(port), str(port).encode() * 1000)


def flow_of(proto, port):
    found = [
        flow
        for flow in json.loads(scoutbpf("-j", "flows"))
        if flow["proto"] == proto and flow["client"] == f"{EXPERT}:{port}"
    ]
    if len(found) != 1:
        fail(f"{proto} {port} is not in the table once, but so:", *found)
    names = ("packets", "bytes", "reply_packets", "reply_bytes")
    return tuple(found[0][name] for name in names)


def seen_on(wire, port, proto):
    """Packets and bytes of the client's flow, as they came in by the interface."""
    wire.collect()
    packets = [Ether(frame)[IP] for frame in wire.frames if IP in Ether(frame)]
    mine = [ip for ip in packets if proto in ip and port in (ip[proto].sport, ip[proto].dport)]
    return len(mine), sum(ip.len for ip in mine)


def udp_counters():
    with client(12000, socket.SOCK_DGRAM) as sock:
        for i in range(10):
            sock.sendto(b"x" * (10 + i), (HOST, 2000))
            sock.recv(65536)
    text = len(f"{EXPERT}:12000 10.0.3.2:2000 ")
    sent = sum(28 + 10 + i for i in range(10))
    expect("udp flow", flow_of("udp", 12000), (10, sent, 10, sent + 10 * text))


def tcp_counters():
    """A size below a segment, so that no offload joins what is counted apart."""
    into, back = Wire("cont", "host0"), Wire("exp", "tap0")
    with client(12001) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((HOST, 2000))
        sock.sendall(b"echo\n")
        for i in range(20):
            text = str(i).encode() * 300
            sock.sendall(text)
            while text:
                text = text[len(sock.recv(len(text))) :]
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
        back.wait("the last FIN", lambda f: TCP in (e := Ether(f)) and "F" in e[TCP].flags)
        into.collect(0.05)
    expect("tcp flow", flow_of("tcp", 12001), seen_on(into, 12001, TCP) + seen_on(back, 12001, TCP))


def counters():
    udp_counters()
    tcp_counters()


cases(globals())
