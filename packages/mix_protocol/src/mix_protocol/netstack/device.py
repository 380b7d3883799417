"""The one seam of the IP world: something that IP packets go into and come out of."""

from __future__ import annotations

from typing import Protocol


class Device(Protocol):
    """An end of an IP link: a stack, a TUN device, or a wrapper around either.

    "Towards the network" means away from this device, towards its peer on the link.
    """

    @property
    def mtu_bytes(self) -> int:
        """The longest IP packet that the link carries."""
        ...

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Take an IP packet that arrives from the network. Whatever its bytes, this raises nothing."""
        ...

    def packets_to_send(self, now: float) -> list[bytes]:
        """The IP packets that leave towards the network now."""
        ...

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, in monotonic seconds; None for never."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Let time pass; afterwards ask for `packets_to_send` again."""
        ...
