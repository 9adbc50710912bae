# SPDX-License-Identifier: GPL-2.0-only
"""Raw frames in the lab: one process with sockets in several of its namespaces."""

import ctypes
import json
import logging
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402,F401
from scapy.layers.inet6 import IPv6  # noqa: E402,F401
from scapy.layers.l2 import Ether  # noqa: E402,F401
from scapy.packet import Raw  # noqa: E402,F401

PREFIX = os.environ["LAB_PREFIX"]
DIR = os.environ["LAB_DIR"]
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_CSUMNOTREADY = 8

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def namespace(ns):
    """Sockets that are made inside stay in the namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{PREFIX}-{ns}", os.O_RDONLY)
    try:
        if _libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {ns}")
        yield
    finally:
        _libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


class Frame(bytes):
    """A received frame. Its transport checksum may be left to a card that there never is."""

    unfinished = False


class Wire:
    """An interface: sends frames out of it, keeps those that come in by it."""

    def __init__(self, ns, interface):
        self.ns, self.interface = ns, interface
        with namespace(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind((interface, ETH_P_ALL))
        self.mac = ":".join(f"{byte:02x}" for byte in self.socket.getsockname()[4])
        self.frames = []

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))

    def collect(self, seconds=0.0):
        """Takes what has come in, and waits so long for a first frame."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return
        while select.select([self.socket], [], [], 0)[0]:
            data, ancillary, _, where = self.socket.recvmsg(65536 + 64, 256)
            if where[2] == PACKET_OUTGOING:
                continue
            frame = Frame(data)
            for _, _, auxdata in ancillary:
                status = int.from_bytes(auxdata[:4], sys.byteorder)
                frame.unfinished = bool(status & TP_STATUS_CSUMNOTREADY)
            self.frames.append(frame)

    def wait(self, what, matches, seconds=3):
        """The first frame that MATCHES, taken from what has come in."""
        deadline = time.monotonic() + seconds
        while True:
            self.collect(0.05)
            for frame in self.frames:
                if matches(frame):
                    return frame
            if time.monotonic() > deadline:
                fail(f"{self.ns} has not received {what}, only:", *self.frames)


def fail(message, *frames):
    print(message)
    for frame in frames:
        print("  " + (frame.hex() if isinstance(frame, bytes) else str(frame)))
    sys.exit(1)


def expect(what, seen, expected):
    if seen != expected:
        fail(f"{what}: {seen}, expected {expected}")


def run_in(ns, *command):
    return subprocess.run(
        ["nsenter", f"--net=/run/netns/{PREFIX}-{ns}", *command],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def scoutbpf(*arguments):
    return run_in(
        "host",
        os.environ["SCOUTBPF"],
        "-c",
        f"{DIR}/scoutbpf.conf",
        "-p",
        f"{DIR}/bpf/scoutbpf",
        *arguments,
    )


def drops():
    return json.loads(scoutbpf("-j", "status"))["drops"]


def counter(ns, name):
    """Of the IP stack of a namespace, as nstat names it; an absolute number."""
    for line in run_in(ns, "nstat", "-asz", name).splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    fail(f"{ns} has no counter {name}")


def mac_of(ns, interface):
    return json.loads(run_in(ns, "ip", "-j", "link", "show", interface))[0]["address"]


def cases(table):
    """Runs the case that the command line names."""
    table[sys.argv[1]]()
