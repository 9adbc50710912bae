# SPDX-License-Identifier: GPL-2.0-only
"""What a packet from a device without link headers looks like in the container."""

import socket

from wire import IP, UDP, Ether, Wire, cases, expect, mac_of, namespace


def link_header():
    cont = Wire("cont", "host0")
    with namespace("exp"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(3)
    sock.bind(("10.2.0.6", 15000))
    for number in range(2):  # the first by the neighbour table, later ones as the answer came
        text = b"by a tun device, %d" % number
        sock.sendto(text, ("10.2.0.2", 2000))
        frame = Ether(cont.wait("the packet", lambda frame: text in frame))
        expect("link addresses", (frame.src, frame.dst), (mac_of("host", "ve-container"), cont.mac))
        expect("ethertype", frame.type, 0x800)
        whole = (
            IP(src="10.2.0.6", dst="10.0.3.2", ttl=63, id=frame[IP].id, flags=frame[IP].flags)
            / UDP(sport=15000, dport=2000)
            / text
        )
        expect("the packet", bytes(frame[IP]), bytes(whole))
        sock.recv(100)


cases(globals())
