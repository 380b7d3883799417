"""A client's stack and what forwards for it, with nothing in between, on the running event loop."""

from __future__ import annotations

import asyncio

from mix_network.exit.forwarder import Forwarder
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection


class JoinedStack:
    """Carries packets between both as soon as `wake` is called; whoever makes either gives it that.

    A subclass makes them, calls `join`, and may look at packets, or drop them, in `passes`.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def join(self, stack: NetworkStack, forwarder: Forwarder) -> None:
        """Carry packets between these."""
        self.stack = stack
        stack.on_output = self.wake
        self._ways = ((stack, forwarder), (forwarder, stack))

    def passes(self, packet: bytes, *, is_answer: bool) -> bool:
        """Whether a packet arrives."""
        return True

    def wake(self) -> None:
        if self._handle is None:
            self._handle = self.loop.call_soon(self._run)

    def connect(self, host: str, port: int) -> TcpConnection:
        connection = self.stack.connect_tcp((host, port), self.loop.time())
        self.wake()
        return connection

    def stop(self) -> None:
        """Carry nothing any more."""
        for handle in (self._handle, self._timer):
            if handle is not None:
                handle.cancel()

    def _run(self) -> None:
        self._handle = None
        now = self.loop.time()
        for device, peer in self._ways:
            if (due := device.next_timeout()) is not None and due <= now:
                device.handle_timeout(now)
            for packet in device.packets_to_send(now):
                if self.passes(packet, is_answer=peer is self.stack):
                    peer.receive_packet(packet, now)
                self.wake()
        timeouts = [device.next_timeout() for device, _ in self._ways]
        due = min((timeout for timeout in timeouts if timeout is not None), default=None)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(due, self.wake) if due is not None else None
