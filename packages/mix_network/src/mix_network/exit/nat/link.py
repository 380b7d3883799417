"""What the forwarders of the different protocols share."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import Flow, FlowTable
from mix_network.exit.nat.packets import unreachable_for
from mix_network.exit.policy import ExitPolicy
from mix_protocol.crash_log import CrashLog
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import IpAddress, IpPacket

LOOPBACK_SOURCE = "127.0.0.2"
"""Where sockets to loopback destinations come from, so that a local server can tell the exit from other programs."""

DNS_PORT = 53


_CRASHES = CrashLog(logging.getLogger(__name__))


@dataclass
class NatLink:
    """The common ground of a NAT's forwarders.

    send -- queues an IP packet for a client and wakes whoever carries it there
    wake -- tells whoever carries packets that there may be some
    clock -- monotonic seconds
    resolver -- answers DNS in place of every resolver; None when DNS is forwarded like anything else
    on_refused -- told the client and the destination ("ip:port") of what the policy refuses
    """

    send: Callable[[bytes], None] = field(repr=False)
    wake: Callable[[], None] = field(repr=False)
    clock: Callable[[], float]
    policy: ExitPolicy
    resolver: HostsResolver | None
    mtu_bytes: int
    on_refused: Callable[[IpAddress, str], None]
    flows: FlowTable
    refused: int = 0
    """Packets and connections that the policy, the table's bounds or the system refused."""

    def allows(self, client: IpAddress, destination: IpAddress, port: int) -> bool:
        """Whether the policy lets a client go to a destination. A refusal is told to `on_refused`."""
        if self.policy.allows(destination, port):
            return True
        host = str(destination) if destination.version == 4 else f"[{destination}]"
        self.on_refused(client, f"{host}:{port}")
        return False

    def refuse(self, original: bytes, packet: IpPacket, reason: UnreachableReason) -> None:
        """Answer a client's packet with a report that it can't get there."""
        self.refused += 1
        self.send(unreachable_for(original, packet, reason))

    @contextmanager
    def isolated(self, flow: Flow) -> Iterator[None]:
        """Let an exception that nobody expected end the flow in which it happened, and nothing else."""
        try:
            yield
        except Exception as error:
            _CRASHES.note(error, "one flow")
            with _CRASHES.isolated("one flow"):
                flow.abort()
            self.wake()

    def answers_dns(self, port: int) -> bool:
        """Whether traffic to this port is for our own resolver."""
        return self.resolver is not None and port == DNS_PORT


def local_address_for(remote: IpAddress) -> tuple[str, int] | None:
    """What to bind a socket to before it connects to `remote`; None to leave it to the system."""
    return (LOOPBACK_SOURCE, 0) if remote.version == 4 and remote.is_loopback else None


_REASONS = {
    errno.ENETUNREACH: UnreachableReason.NETWORK,
    errno.EHOSTUNREACH: UnreachableReason.HOST,
    errno.EACCES: UnreachableReason.ADMINISTRATIVELY_PROHIBITED,
    errno.EPERM: UnreachableReason.ADMINISTRATIVELY_PROHIBITED,
}


def unreachable_reason(error: OSError) -> UnreachableReason:
    """What to tell a client when a socket can't reach its destination."""
    return _REASONS.get(error.errno or 0, UnreachableReason.HOST)
