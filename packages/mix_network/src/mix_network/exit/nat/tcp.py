"""TCP: a client's connection ends in our own stack once the real connection to its destination stands."""

from __future__ import annotations

import asyncio
import contextlib

from mix_network.exit.nat.dns_stream import DnsStream
from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.link import NatLink, local_address_for, unreachable_reason
from mix_network.exit.nat.packets import unreachable_for
from mix_network.exit.nat.relay import TcpRelay
from mix_protocol.ipr.addresses import client_number
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.listener import ConnectionRequested
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import TCP, IpPacket

CONNECT_TIMEOUT_S = 30.0
IDLE_S = 7440.0
"""An established connection may be idle for two hours and four minutes (RFC 5382, requirement 5) …"""
TRANSITORY_IDLE_S = 240.0
"""… one that opens or closes for four minutes (the same) …"""
DNS_IDLE_S = 30.0
"""… and one to our own resolver for as long as a resolver with few resources allows (RFC 7766, section 6.2.3)."""
_SPARE_REQUESTS = 64
"""SYNs that may wait beyond those that have a flow: the table decides who gets one, not the listener's queue."""
_OVER = (TcpState.CLOSED, TcpState.TIME_WAIT)


class _TcpFlow:
    """One connection: first an attempt to reach the destination, then a relay.

    The client's SYN is not answered until then, so that the client sees a connection exactly if there is one. The flow
    stays in the table until the client's side is over as well: what it has not acknowledged is memory of ours.
    """

    def __init__(self, forwarder: TcpForwarder, key: FlowKey, request: ConnectionRequested, now: float) -> None:
        self.key = key
        self._request = request
        self._forwarder = forwarder
        self._connecting: asyncio.Task[None] | None = None
        self._connection: TcpConnection | None = None
        self._end: TcpRelay | DnsStream | None = None
        self._end_finished = False
        self.last_active = now

    @property
    def idle_s(self) -> float:
        """For how long it may be idle."""
        if isinstance(self._end, DnsStream):
            return DNS_IDLE_S
        is_whole = self._connection is not None and self._connection.state is TcpState.ESTABLISHED
        return IDLE_S if is_whole else TRANSITORY_IDLE_S

    def connect(self) -> asyncio.Task[None]:
        """Start to reach the destination."""
        self._connecting = asyncio.create_task(self._connect())
        return self._connecting

    def answer_dns(self) -> None:
        """Be the destination: this connection is for our own resolver."""
        resolver = self._forwarder.link.resolver
        assert resolver is not None
        client = client_number(self.key.client[0])
        self._accept(DnsStream(resolver, client, self._finish, self._forwarder.wake))

    def connection_changed(self) -> None:
        """The client's connection has news."""
        self._forwarder.link.flows.touch(self, self._forwarder.link.clock())
        if self._end is not None:
            self._end.connection_changed()
        self._leave_if_over()

    def abort(self) -> None:
        """Reset both sides and leave the table."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._request.refuse(self._forwarder.link.clock())
        if self._end is not None:
            self._end.abort()
        if self._connection is not None:
            self._connection.abort()
        self._leave()

    async def _connect(self) -> None:
        with self._forwarder.link.isolated(self):
            await self._reach()

    async def _reach(self) -> None:
        remote, port = self._request.local
        relay = TcpRelay(self._finish, self._forwarder.wake)
        reason: UnreachableReason | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: relay, str(remote), port, local_addr=local_address_for(remote)
                )
        except asyncio.CancelledError:
            relay.abort()
            raise
        except ConnectionRefusedError:
            self._refuse(None)
        except TimeoutError:
            self._refuse(UnreachableReason.HOST)
        except OSError as error:
            reason = unreachable_reason(error)
            self._refuse(reason)
        else:
            self._accept(relay)
        finally:
            self._connecting = None

    def _accept(self, end: TcpRelay | DnsStream) -> None:
        self._end = end
        self._connection = self._request.accept(self._forwarder.link.clock())
        self._connection.on_event = self._note_change
        end.attach(self._connection)
        self._forwarder.wake()

    def _refuse(self, reason: UnreachableReason | None) -> None:
        self._request.refuse(self._forwarder.link.clock(), reason)
        self._leave()
        self._forwarder.wake()

    def _note_change(self) -> None:
        self._forwarder.changed[self] = None

    def _finish(self) -> None:
        """Nothing is left to carry; the client may still have to acknowledge what it got."""
        self._end_finished = True
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        if self._end_finished and (self._connection is None or self._connection.state in _OVER):
            self._leave()

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.on_event = None
        self._forwarder.forget(self)


class TcpForwarder:
    """Forwards clients' TCP connections.

    changed -- flows whose connections have news. They are noted and told later, for the news comes while the stack is
        in the middle of its work.
    """

    def __init__(self, link: NatLink, stack: NetworkStack) -> None:
        self.link = link
        self.changed: dict[_TcpFlow, None] = {}
        self._stack = stack
        backlog = link.flows.max_flows + _SPARE_REQUESTS
        self._listener = stack.listen_tcp(None, None, backlog, promiscuous=True, hold=True)
        self._connecting: dict[_TcpFlow, asyncio.Task[None]] = {}
        # Whose clients have gone while the destination was still being reached.
        self._given_up: list[_TcpFlow] = []

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Take a client's packet."""
        self._stack.receive_packet(packet, now)
        while (request := self._listener.next_event()) is not None:
            self._open(request, now)
        while self._given_up:
            self._given_up.pop().abort()
        self.settle()

    def settle(self) -> None:
        """Tell flows whose connections have news."""
        while self.changed:
            flow = next(iter(self.changed))
            del self.changed[flow]
            with self.link.isolated(flow):
                flow.connection_changed()

    def wake(self) -> None:
        """A real socket has done something to a connection."""
        self.link.wake()

    def forget(self, flow: _TcpFlow) -> None:
        """A flow has ended."""
        self.changed.pop(flow, None)
        self.link.flows.remove(flow)

    async def close(self) -> None:
        """Reset every connection."""
        tasks = list(self._connecting.values())
        for flow in self.link.flows.all():
            if isinstance(flow, _TcpFlow):
                flow.abort()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _open(self, request: ConnectionRequested, now: float) -> None:
        (client, client_port), (remote, port) = request.remote, request.local
        answers_dns = self.link.answers_dns(port)
        if not answers_dns and not (port and self.link.allows(client, remote, port)):
            self.link.refused += 1
            # The report tells why; the reset also reaches stacks that hear no reports.
            syn = IpPacket(client.packed, remote.packed, TCP, request.syn.encode(client.packed, remote.packed))
            self.link.send(unreachable_for(syn.encode(), syn, UnreachableReason.ADMINISTRATIVELY_PROHIBITED))
            request.refuse(now)
            return
        key = FlowKey("tcp", (client.packed, client_port), (remote.packed, port))
        older = self.link.flows.get(key)
        if older is not None:
            older.abort()  # its connection is over in the stack, or there would be no new one
        if not self.link.flows.make_room(client.packed, now):
            self.link.refused += 1
            request.refuse(now)
            return
        flow = _TcpFlow(self, key, request, now)
        request.on_given_up = lambda: self._given_up.append(flow)
        self.link.flows.add(flow)
        if answers_dns:
            flow.answer_dns()
        else:
            task = self._connecting[flow] = flow.connect()
            task.add_done_callback(lambda _: self._connecting.pop(flow, None))
