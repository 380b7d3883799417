"""A userspace IP stack: wire formats, TCP, UDP and ICMP, and devices that wrap devices.

`wire/` formats → `tcp/`, `udp`, `icmp` protocols → `stack` (`NetworkStack`, a `Device`) ← `fault_injector`, `pcap`;
`link` joins two devices on a virtual clock.

TCP: RFC 9293 with 5681 and 9438 (CUBIC), 6298 (timer), 2018 and 2883 (SACK, DSACK), 8985 (RACK and TLP), 6937 (PRR),
7323 (window scale), 6928 (initial window), 5961 (blind attacks), 6528 (initial sequence numbers), 1191 (path MTU).

**Not** supported: sending fragments (they are put together on arrival; what would need them is refused), IP options
and extension headers beyond skipping them, TCP timestamps, urgent data, ECN, Fast Open, multicast, routing
between links.
"""

from mix_protocol.netstack.device import Device
from mix_protocol.netstack.endpoint import Endpoint
from mix_protocol.netstack.fault_injector import FaultCounts, FaultInjector
from mix_protocol.netstack.icmp import EchoReplied, EchoRequested, EchoSocket, EchoTap
from mix_protocol.netstack.pcap import PcapFile, PcapWriter
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.connection import TcpConnection, TcpStatistics
from mix_protocol.netstack.tcp.listener import ConnectionRequested, TcpListener
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.udp import TappedDatagram, UdpSocket, UdpTap
from mix_protocol.netstack.wire.icmp import UnreachableReason

__all__ = [
    "ConnectionRequested",
    "Device",
    "EchoReplied",
    "EchoRequested",
    "EchoSocket",
    "EchoTap",
    "Endpoint",
    "FaultCounts",
    "FaultInjector",
    "NetworkStack",
    "PcapFile",
    "PcapWriter",
    "TappedDatagram",
    "TcpConfig",
    "TcpConnection",
    "TcpListener",
    "TcpState",
    "TcpStatistics",
    "UdpSocket",
    "UdpTap",
    "UnreachableReason",
]
