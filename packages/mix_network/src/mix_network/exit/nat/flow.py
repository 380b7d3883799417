"""The flow table: what the exit forwards at this moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

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
    """Something that the exit forwards, with a socket of the operating system behind it."""

    @property
    def key(self) -> FlowKey:
        """Which flow this is."""
        ...

    def abort(self) -> None:
        """End it at once on both sides and leave the table."""
        ...


class FlowTable:
    """Flows by key, bounded in all and for each client."""

    def __init__(self, *, max_flows: int = 2048, max_client_flows: int = 512) -> None:
        self._max_flows = max_flows
        self._max_client_flows = max_client_flows
        self._flows: dict[FlowKey, Flow] = {}
        self._by_client: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._flows)

    def get(self, key: FlowKey) -> Flow | None:
        """The flow with this key."""
        return self._flows.get(key)

    def has_room_for(self, client: bytes) -> bool:
        """Whether this client may have one more flow."""
        return len(self._flows) < self._max_flows and self._by_client[client] < self._max_client_flows

    def add(self, flow: Flow) -> None:
        """Enter a flow; ask `has_room_for` before."""
        assert flow.key not in self._flows
        self._flows[flow.key] = flow
        self._by_client[flow.key.client[0]] += 1

    def remove(self, flow: Flow) -> None:
        """Take a flow out, if it is in."""
        if self._flows.get(flow.key) is flow:
            del self._flows[flow.key]
            client = flow.key.client[0]
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]

    def of_client(self, client: bytes) -> list[Flow]:
        """The flows of the client with this packed address."""
        return [flow for flow in self._flows.values() if flow.key.client[0] == client]

    def all(self) -> list[Flow]:
        """Every flow."""
        return list(self._flows.values())

    def counts(self) -> dict[str, int]:
        """Flows by protocol; every protocol is there, with 0 if it has none."""
        counts = Counter(key.protocol for key in self._flows)
        return {protocol: counts[protocol] for protocol in ("tcp", "udp", "icmp")}
