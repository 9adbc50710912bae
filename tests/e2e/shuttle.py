# SPDX-License-Identifier: GPL-2.0-only
"""
A pair of tun or tap devices in two namespaces, and the process that carries packets between them:
a VPN without its cryptography.

    shuttle.py tun|tap NS1 INTERFACE1 NS2 INTERFACE2
"""

import fcntl
import os
import select
import struct
import sys

from wire import namespace

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
LARGEST = 65535 + 14


def device(kind, ns, name):
    with namespace(ns):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_NO_PI | (IFF_TUN if kind == "tun" else IFF_TAP)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def carry(source, to):
    try:
        while True:
            os.write(to, os.read(source, LARGEST))
    except BlockingIOError:
        pass  # all read
    except OSError:
        pass  # a device that is down takes nothing, as a wire would not


def main():
    kind, ns1, name1, ns2, name2 = sys.argv[1:]
    ends = device(kind, ns1, name1), device(kind, ns2, name2)
    others = {ends[0]: ends[1], ends[1]: ends[0]}
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    while True:
        for end, _ in poll.poll():
            carry(end, others[end])


main()
