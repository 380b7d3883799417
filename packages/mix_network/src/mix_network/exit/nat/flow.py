"""The flow table: what the exit forwards at this moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from mix_network.shares import Shares
from mix_protocol.ipr.addresses import client_number
from mix_protocol.netstack.wire.ip import unpack_address

Endpoint = tuple[bytes, int]
"""A packed IP address and a port (for ping: the identifier on the client's side, 0 on the other)."""


@dataclass(frozen=True, slots=True)
class FlowKey:
    """A flow as the client sees it. `protocol` is `tcp`, `udp` or `icmp`."""

    protocol: str
    client: Endpoint
    remote: Endpoint

    def __str__(self) -> str:
        client, remote = (f"{unpack_address(address)} port {port}" for address, port in (self.client, self.remote))
        return f"{self.protocol} {client} to {remote}"


class Flow(Protocol):
    """Something that the exit forwards, with a socket of the operating system behind it.

    last_active -- when something last went through it; `FlowTable.touch` keeps it
    """

    last_active: float

    @property
    def key(self) -> FlowKey:
        """Which flow this is."""
        ...

    @property
    def idle_s(self) -> float:
        """For how long it may be idle."""
        ...

    def abort(self) -> None:
        """End it at once on both sides and leave the table."""
        ...


LEAST_IDLE_S = 1.0
"""A flow of the client's own that was used within this time does not make room: whoever opens flows faster is refused
the new one, which costs next to nothing, instead of being given a socket for each."""
_SHARE = 4


class FlowTable:
    """Flows by key, bounded in all and for each client, whose IPv4 and IPv6 address have one share.

    When it is full, the flow that was idle for longest of the client with the most flows makes room. So a client that
    takes all it can get makes room for everybody else, and for itself only what it does not use.

    max_flows -- in all
    max_client_flows -- of one client; None for a quarter of all
    """

    def __init__(self, *, max_flows: int = 2048, max_client_flows: int | None = None) -> None:
        self.max_flows = max_flows
        self._max_client_flows = max(1, max_flows // _SHARE) if max_client_flows is None else max_client_flows
        self._flows: dict[FlowKey, Flow] = {}
        # Least recently used first.
        self._by_client: dict[int, dict[FlowKey, Flow]] = {}
        self._shares: Shares[int] = Shares()

    def __len__(self) -> int:
        return len(self._flows)

    def get(self, key: FlowKey) -> Flow | None:
        """The flow with this key."""
        return self._flows.get(key)

    def make_room(self, address: bytes, now: float) -> bool:
        """Whether the client with this packed address may have one more flow; another one may end for it."""
        client = client_number(address)
        greediest = self._shares.greediest()
        if self._shares.of(client) < self._max_client_flows:
            if len(self._flows) < self.max_flows:
                return True
            if greediest is not None and self._shares.of(greediest) > self._shares.of(client):
                self._least_used(greediest).abort()
                return True
        if not self._shares.of(client):
            return False
        oldest = self._least_used(client)
        if now < oldest.last_active + LEAST_IDLE_S:
            return False
        oldest.abort()
        return True

    def add(self, flow: Flow) -> None:
        """Enter a flow; call `make_room` before."""
        assert flow.key not in self._flows
        client = client_number(flow.key.client[0])
        self._flows[flow.key] = flow
        self._by_client.setdefault(client, {})[flow.key] = flow
        self._shares.change(client, 1)

    def touch(self, flow: Flow, now: float) -> None:
        """Something went through a flow."""
        flow.last_active = now
        if self._flows.get(flow.key) is flow:
            flows = self._by_client[client_number(flow.key.client[0])]
            flows[flow.key] = flows.pop(flow.key)

    def remove(self, flow: Flow) -> None:
        """Take a flow out, if it is in."""
        if self._flows.get(flow.key) is flow:
            client = client_number(flow.key.client[0])
            del self._flows[flow.key]
            del self._by_client[client][flow.key]
            if not self._by_client[client]:
                del self._by_client[client]
            self._shares.change(client, -1)

    def end_idle(self, now: float) -> None:
        """End the flows that have been idle for too long."""
        for flow in self.all():
            if now >= flow.last_active + flow.idle_s:
                flow.abort()

    def of_client(self, address: bytes) -> list[Flow]:
        """The flows of the client with this packed address, by both of its addresses."""
        return list(self._by_client.get(client_number(address), {}).values())

    def all(self) -> list[Flow]:
        """Every flow."""
        return list(self._flows.values())

    def counts(self) -> dict[str, int]:
        """Flows by protocol; every protocol is there, with 0 if it has none."""
        counts = Counter(key.protocol for key in self._flows)
        return {protocol: counts[protocol] for protocol in ("tcp", "udp", "icmp")}

    def _least_used(self, client: int) -> Flow:
        return next(iter(self._by_client[client].values()))
