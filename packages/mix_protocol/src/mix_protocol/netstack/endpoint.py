"""An address and a port."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from mix_protocol.netstack.wire.ip import IpAddress, unpack_address


class Endpoint(NamedTuple):
    """Where a socket is. Equal to, and usable as, the plain pair (address, port)."""

    address: IpAddress
    port: int

    @classmethod
    def unpack(cls, packed: bytes, port: int) -> Endpoint:
        """From a packed address."""
        return cls(unpack_address(packed), port)


EndpointLike = Endpoint | tuple[IpAddress | str, int]


def to_address(address: IpAddress | str) -> IpAddress:
    """An address object from itself or from text."""
    return address if isinstance(address, IPv4Address | IPv6Address) else ip_address(address)
