#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Answers on TCP and UDP, on every address of the machine, IPv4 and IPv6.

    serve.py BLOB PORT...

A TCP connection begins with a line that says what is wanted:
    who		CLIENT LOCAL, as the server sees them
    take	reads to the end, then says LENGTH SHA256 of what came
    give	sends BLOB
    drip	sends BLOB slowly, over two seconds
    later	waits for the end of what the client sends, then sends BLOB
    echo	sends back what comes
A datagram is answered with "CLIENT LOCAL TEXT". Both are told on standard output, too.
"""

import hashlib
import socket
import sys
import threading
import time

IP_PKTINFO = 8
IPV6_RECVPKTINFO = 49
IPV6_PKTINFO = 50


def endpoint(address, port):
    address = address.removeprefix("::ffff:").partition("%")[0]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def drip(out, blob):
    for at in range(0, len(blob), len(blob) // 20):
        out.write(blob[at : at + len(blob) // 20])
        out.flush()
        time.sleep(0.1)


def take(lines, out):
    sha, length = hashlib.sha256(), 0
    while data := lines.read1(65536):
        sha.update(data)
        length += len(data)
    out.write(f"{length} {sha.hexdigest()}\n".encode())


def echo(lines, out):
    while data := lines.read1(65536):
        out.write(data)
        out.flush()


def session(connection, blob):
    client = endpoint(*connection.getpeername()[:2])
    local = endpoint(*connection.getsockname()[:2])
    print("tcp", client, local, flush=True)
    with connection, connection.makefile("rb") as lines, connection.makefile("wb") as out:
        wanted = lines.readline().strip()
        if wanted == b"who":
            out.write(f"{client} {local}\n".encode())
        elif wanted == b"take":
            take(lines, out)
        elif wanted == b"give":
            out.write(blob)
        elif wanted == b"drip":
            drip(out, blob)
        elif wanted == b"later":
            lines.read()
            out.write(blob)
        elif wanted == b"echo":
            echo(lines, out)


def quiet_session(connection, blob):
    try:
        session(connection, blob)
    except OSError as error:
        print("tcp", error, flush=True)


def serve_tcp(listener, blob):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=quiet_session, args=(connection, blob), daemon=True).start()


def asked_address(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return "?"


def serve_udp(sock, port):
    while True:
        data, ancillary, _, peer = sock.recvmsg(65536, 256)
        client = endpoint(*peer[:2])
        local = endpoint(asked_address(ancillary), port)
        text = data.decode(errors="replace")
        print("udp", client, local, text[:40].strip(), flush=True)
        sock.sendmsg([f"{client} {local} {text}".encode()], ancillary, 0, peer)


def listen(kind, port):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", port))
    if kind == socket.SOCK_DGRAM:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    else:
        sock.listen(1024)
    return sock


def main():
    with open(sys.argv[1], "rb") as file:
        blob = file.read()
    ports = [int(port) for port in sys.argv[2:]]
    for port in ports:
        udp = listen(socket.SOCK_DGRAM, port)
        threading.Thread(target=serve_udp, args=(udp, port), daemon=True).start()
    for port in ports:
        tcp = listen(socket.SOCK_STREAM, port)
        threading.Thread(target=serve_tcp, args=(tcp, blob), daemon=True).start()
    threading.Event().wait()


main()
