#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Traffic that goes on while the gateway changes, and tcx as the kernel sees it.

    lifecycle.py stream ADDRESS PORT	numbers over TCP to an echo server, one every 10 ms
    lifecycle.py ping ADDRESS		ICMP echo requests, one every 10 ms
    lifecycle.py knock ADDRESS PORT...	a new TCP connection to each port, every 5 ms
Each goes on until SIGTERM, prints "running" when it has begun, and one line in the end.

    lifecycle.py tcx INTERFACE...	"INTERFACE in|out NAME ID" of each attached program, in order
    lifecycle.py attach INTERFACE in|out PROGRAM LINK
					attaches a pinned program by tcx, behind the others, and pins
					the link
"""

import ctypes
import os
import platform
import resource
import select
import signal
import socket
import struct
import sys
import time

stopped = False


def stop(*_):
    global stopped
    stopped = True


def running():
    signal.signal(signal.SIGTERM, stop)
    print("running", flush=True)


def stream(address, port):
    """What is said at last: "intact", how much came back, and the longest pause."""
    sock = socket.create_connection((address, int(port)), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(b"echo\n")
    running()
    back, pause, heard = 0, 0.0, time.monotonic()
    sock.settimeout(15)
    while not stopped:
        number = struct.pack("!Q", back)
        sock.sendall(number)
        if receive(sock, 8) != number:
            sys.exit(f"broken after {back}: out of order")
        pause, heard = max(pause, time.monotonic() - heard), time.monotonic()
        back += 1
        time.sleep(0.01)
    print(f"intact {back} {pause * 1000:.0f} ms")


def receive(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            sys.exit("broken: the other end has closed")
        data += more
    return data


def echo_request(number):
    """RFC 792; the kernel's own ping sockets may be closed to everybody."""
    packet = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number)
    total = sum(struct.unpack("!4H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return packet[:2] + struct.pack("!H", ~total & 0xFFFF) + packet[4:]


def ping(address):
    """Says at last how many of how many were not answered."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    missing, sent, end = set(), 0, None
    running()
    while end is None or (missing and time.monotonic() < end):
        if stopped and end is None:
            end = time.monotonic() + 2
        if end is None:
            sock.sendto(echo_request(sent & 0xFFFF), (address, 0))
            missing.add(sent & 0xFFFF)
            sent += 1
        due = time.monotonic() + 0.01
        while select.select([sock], [], [], max(0, due - time.monotonic()))[0]:
            kind, _, _, ident, number = struct.unpack("!BBHHH", sock.recv(1500)[20:28])
            if (kind, ident) == (0, os.getpid() & 0xFFFF):
                missing.discard(number)
    print(f"lost {len(missing)} of {sent}")


def knock(address, *ports):
    """Says at last how many connections met any answer: accepted, refused, unreachable."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    poll, waiting, knocks, answers = select.epoll(), {}, 0, []
    running()
    while not stopped:
        for port in ports:
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((address, int(port)))
            waiting[sock.fileno()] = (sock, port)
            poll.register(sock, select.EPOLLOUT)
            knocks += 1
        due = time.monotonic() + 0.005
        while (left := due - time.monotonic()) > 0:
            for number, _ in poll.poll(left):
                sock, port = waiting.pop(number)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                answers.append(f"{port} {os.strerror(error) if error else 'open'}")
                sock.close()
    print(f"{len(answers)} answers to {knocks}", *sorted(set(answers)))


# --- tcx ---

BPF = {"x86_64": 321, "aarch64": 280}
BPF_OBJ_PIN, BPF_OBJ_GET, BPF_PROG_GET_FD_BY_ID = 6, 7, 13
BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY, BPF_LINK_CREATE = 15, 16, 28
INFO_NAME = slice(64, 80)
TCX = {"in": 46, "out": 47}


def bpf(command, layout, *values):
    attributes = ctypes.create_string_buffer(struct.pack(layout, *values), 128)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(BPF[platform.machine()], command, attributes, 128)
    if result < 0:
        number = ctypes.get_errno()
        sys.exit(f"bpf({command}): {os.strerror(number)}")
    return result, attributes.raw


def program_name(number):
    info = ctypes.create_string_buffer(256)
    fd, _ = bpf(BPF_PROG_GET_FD_BY_ID, "=I", number)
    bpf(BPF_OBJ_GET_INFO_BY_FD, "=IIQ", fd, len(info), ctypes.addressof(info))
    os.close(fd)
    return info.raw[INFO_NAME].rstrip(b"\0").decode()


def tcx(*interfaces):
    ids = (ctypes.c_uint32 * 64)()
    layout = "=IIIIQI"
    for interface in interfaces:
        index = socket.if_nametoindex(interface)
        for side, kind in TCX.items():
            _, raw = bpf(BPF_PROG_QUERY, layout, index, kind, 0, 0, ctypes.addressof(ids), 64)
            for number in ids[: struct.unpack_from(layout, raw)[5]]:
                print(interface, side, program_name(number), number)


def attach(interface, side, program, pin):
    path = ctypes.create_string_buffer(program.encode())
    index = socket.if_nametoindex(interface)
    fd, _ = bpf(BPF_OBJ_GET, "=QII", ctypes.addressof(path), 0, 0)
    link, _ = bpf(BPF_LINK_CREATE, "=IIII", fd, index, TCX[side], 0)
    path = ctypes.create_string_buffer(pin.encode())
    bpf(BPF_OBJ_PIN, "=QII", ctypes.addressof(path), link, 0)


commands = {"stream": stream, "ping": ping, "knock": knock, "tcx": tcx, "attach": attach}
commands[sys.argv[1]](*sys.argv[2:])
