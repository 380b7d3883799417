"""The seam behind the exit's router: where clients' IP packets go."""

from __future__ import annotations

from typing import Any, Protocol

from mix_network.exit.nat.flow import FlowTable
from mix_protocol.netstack.device import Device


class Forwarder(Device, Protocol):
    """Carries clients' packets to the Internet and brings back the answers: by the operating system's sockets
    (`UserspaceNat`), or by the kernel behind a TUN device (`TunForwarder`)."""

    @property
    def flows(self) -> FlowTable:
        """What is forwarded at this moment."""
        ...

    def drop_client(self, address: bytes) -> None:
        """End everything of the client with this packed address, which is gone: nothing goes to the address any more,
        for the next one to have it must not find what was meant for this one."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Counters as JSON-able values."""
        ...

    async def close(self) -> None:
        """End every flow, and leave nothing behind."""
        ...
