"""A userspace IP stack: wire formats, TCP, UDP and ICMP, and devices that wrap devices.

`wire/` formats → `tcp/`, `udp`, `icmp` protocols → `stack` (`NetworkStack`, a `Device`) ← `fault_injector`, `pcap`.
"""

from mix_protocol.netstack.device import Device
from mix_protocol.netstack.endpoint import Endpoint
from mix_protocol.netstack.fault_injector import FaultCounts, FaultInjector
from mix_protocol.netstack.icmp import EchoReplied, EchoRequested, EchoSocket, EchoTap
from mix_protocol.netstack.pcap import PcapWriter
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
