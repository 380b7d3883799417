"""The exit gateway: a gateway whose IP packet router is one of its own clients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mix_network.exit.forwarder import Forwarder
from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.service import IpPacketRouterService
from mix_network.exit.tun.forwarder import TunForwarder
from mix_network.gateway.node import GatewayServer
from mix_network.node_keys import ServiceKeys
from mix_network.workers.nodes import WorkedGateway
from mix_protocol.addressing import Recipient
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.ipr.router import RouterConfig
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.netstack.device import Device
from mix_protocol.netstack.pcap import PcapFile, PcapWriter
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.topology import Topology


@dataclass(frozen=True)
class ExitOptions:
    """What an exit does with its clients' packets.

    resolver -- answers DNS in place of every resolver; None forwards DNS like anything else
    tun -- forward through a TUN device and the kernel, as root on Linux
    """

    policy: ExitPolicy
    router: RouterConfig
    resolver: HostsResolver | None = None
    mean_ack_delay_ms: float = 15.0
    max_flows: int = 2048
    tun: bool = False


Gateway = GatewayServer | WorkedGateway


class _LocalClient:
    """The router's seat among the gateway's clients."""

    def __init__(self, service: IpPacketRouterService) -> None:
        self._service = service

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        return self._service.receive_pushed(payload)


class ExitGateway:
    """A gateway, an IP packet router in it, and behind that whatever forwards: the userspace NAT or the kernel."""

    def __init__(self, gateway: Gateway, keys: ServiceKeys, options: ExitOptions, random: RandomBytes) -> None:
        self.gateway = gateway
        self._keys = keys
        self._options = options
        self._random = random
        self._service = self._make_service()
        self._picture: tuple[Topology, RotationPeriod] | None = None
        self._forwarder: Forwarder | None = None
        self._nat: UserspaceNat | None = None
        self._recording: PcapFile | None = None

    @property
    def recipient(self) -> Recipient:
        """The router's address in the mixnet."""
        return self._service.recipient

    @property
    def flows(self) -> FlowTable:
        """What is forwarded at this moment."""
        return self._forwarder.flows if self._forwarder is not None else FlowTable()

    def set_policy(self, policy: ExitPolicy) -> None:
        """Judge what clients open from now on by this policy; what is open stays."""
        self._options = replace(self._options, policy=policy)
        if self._nat is not None:
            self._nat.set_policy(policy)

    def start(self, recording: PcapFile | None = None) -> None:
        """Begin to forward; the gateway is started by its owner. Raises TunUnavailable.

        recording -- where to write the packets between the tunnel and the forwarder
        """
        self._recording = recording
        forwarder = self._forwarder = self._make_forwarder()
        device: Device = forwarder if recording is None else PcapWriter(forwarder, recording)
        self._service.start(device, forwarder)
        self.gateway.connect_service(self._keys.identity.public, _LocalClient(self._service))

    async def restart(self) -> None:
        """Let the router forget its clients and all that they have open, as a new process does; its keys stay."""
        await self.close()
        self._service = self._make_service()
        self.start(self._recording)
        if self._picture is not None:
            self._service.set_topology(*self._picture)

    async def close(self) -> None:
        """End every flow."""
        self._service.close()
        if self._forwarder is not None:
            await self._forwarder.close()

    def set_topology(self, topology: Topology, rotation: RotationPeriod) -> None:
        """Take a new picture of the network, without which the router can't answer."""
        self._picture = topology, rotation
        self._service.set_topology(topology, rotation)

    def snapshot(self) -> dict[str, Any]:
        """Counters of the router and the flow table as JSON-able values."""
        forwarded = self._forwarder.snapshot() if self._forwarder is not None else {}
        return {**self._service.snapshot(), **forwarded}

    def _make_forwarder(self) -> Forwarder:
        self._nat = nat = UserspaceNat(
            self._random,
            policy=self._options.policy,
            resolver=self._options.resolver,
            clock=self._service.now,
            on_output=self._service.wake,
            on_refused=self._report_refused,
            mtu_bytes=self._options.router.mtu_bytes,
            flows=FlowTable(max_flows=self._options.max_flows),
        )
        return TunForwarder(self._random, nat) if self._options.tun else nat

    def _make_service(self) -> IpPacketRouterService:
        return IpPacketRouterService(
            self.gateway.context.crypto,
            self._random,
            self._keys,
            self.gateway.identity.public,
            send=self._send,
            router_config=self._options.router,
            mean_ack_delay_ms=self._options.mean_ack_delay_ms,
        )

    def _send(self, packet: MixPacket) -> None:
        self.gateway.send(packet.first_hop, packet.packet, packet.key_rotation)

    def _report_refused(self, client: IPv4Address | IPv6Address, destination: str) -> None:
        self._service.report_refused(client, destination)
