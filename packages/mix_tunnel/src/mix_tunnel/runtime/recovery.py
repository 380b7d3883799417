"""Brings a tunnel back that has lost its entry gateway or its exit.

What survives is kept: with the same gateway and an exit that still knows us, every connection goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging

from mix_protocol.errors import MixError
from mix_protocol.gateway.errors import PaidBandwidthWanted
from mix_protocol.ipr.errors import ConnectionLost
from mix_protocol.topology.exits import ExitNode
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.backoff import Backoff
from mix_tunnel.runtime.connecting import Connector
from mix_tunnel.runtime.network import TunnelNetwork
from mix_tunnel.runtime.session import FORGOTTEN_AFTER_S, MixnetSession
from mix_tunnel.runtime.tunnel_errors import MixnetSilent, TunnelCrashed

_LOG = logging.getLogger(__name__)

STABLE_S = 30.0
"""A tunnel that was ready for so long starts afresh: pauses are short again, and its gateway has all its attempts."""
GATEWAY_ATTEMPTS = 3
"""Attempts with the gateway of before, where connections survive, until others are tried, too."""
DIRECTORY_AGE_S = 60.0
"""While a tunnel is restored, its picture of the network is at most so old, if the directory answers,"""
STALE_DIRECTORY_S = 400.0
"""but the first attempt goes without asking it, unless this machine has slept so long."""


class Recovery:
    """Restores one tunnel, again and again.

    last_error -- why it could not be restored yet, or why it had to be
    reconnects -- how often a connection to an entry gateway was made
    """

    def __init__(self, connector: Connector, network: TunnelNetwork, platform: Platform, attempt_s: float) -> None:
        self._connector = connector
        self._network = network
        self._now = platform.now
        self._attempt_s = attempt_s
        self._backoff = Backoff(platform.random_bytes)
        self._ready_at = platform.now()
        self._unopened = 0
        self._broken = 0
        self.last_error: MixError | None = None
        self.reconnects = 0

    def note_ready(self) -> None:
        """The tunnel is ready."""
        self._ready_at = self._now()

    async def run(self, session: MixnetSession, reason: MixError) -> None:
        """Try until packets flow again; raises only `TunnelCrashed`."""
        if self._now() - self._ready_at >= STABLE_S:
            self._backoff.reset()
            self._unopened = self._broken = 0
        self.last_error = reason
        if not isinstance(reason, ConnectionLost):
            self._broken += 1
        if isinstance(reason, PaidBandwidthWanted):
            self._broken = GATEWAY_ATTEMPTS  # it was free, and is no more
        former, is_alive = session.engine.exit, bool(reason.fields.get("is_alive", True))
        while not session.is_whole:
            await asyncio.sleep(self._backoff.next_pause_s())
            self._connector.start_clock(self._attempt_s)
            try:
                if self._wants_directory():
                    await self._connector.refresh(session, with_exits=True)
                if not session.is_linked:
                    await self._connect_gateway(session)
                try:
                    await self._restore_exit(session, former, is_alive=is_alive)
                except MixError:
                    self._broken += not session.is_linked
                    raise
            except TunnelCrashed:
                raise
            except MixError as error:
                self._connector.note_failure("the tunnel could not be restored yet", error)
                self._connector.note_pause()
                self.last_error = error
                if session.is_linked:
                    is_alive = False  # the exits do not take us; the former one is not to keep others from being asked

    async def _restore_exit(self, session: MixnetSession, former: ExitNode | None, *, is_alive: bool) -> None:
        if session.engine.is_connected:
            await session.prove_path()
        else:
            self._network.leave_addresses()
            await self._connector.ask_exits_again(session, former, former_first=is_alive)

    def _wants_directory(self) -> bool:
        is_first = self._backoff.attempts == 1 and not isinstance(self.last_error, MixnetSilent)
        return self._connector.snapshot_age_s > (STALE_DIRECTORY_S if is_first else DIRECTORY_AGE_S)

    async def _connect_gateway(self, session: MixnetSession) -> None:
        await session.detach()
        if session.engine.exit is not None and session.silent_s > FORGOTTEN_AFTER_S:
            session.leave_exit()
            self._network.leave_addresses()
        own, *others = self._connector.gateways_to_try(session)
        nodes = [own]
        if self._unopened + self._broken >= GATEWAY_ATTEMPTS:
            # While it may be our own network that is away, connections at the exit can still be saved by the own one.
            may_survive = session.engine.exit is not None and self._broken < GATEWAY_ATTEMPTS
            nodes = [own, *others] if may_survive else [*others, own]
        for number, node in enumerate(nodes, 1):
            try:
                link = await self._connector.open_gateway(node)
            except MixError as error:
                if number == len(nodes):
                    self._unopened += 1
                    raise
                self._connector.note_failure("an entry gateway is passed over", error)
                continue
            if node.identity != session.gateway.identity:
                self._connector.move(session, node)
                self._unopened = self._broken = 0
            session.attach(link)
            self.reconnects += 1
            return
