"""The socket address of a node, as it stands in routing blocks and requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from mix_protocol.addressing.errors import InvalidNodeAddress, MalformedNodeAddress

_FAMILY_LENGTH = 1
_PORT_LENGTH = 2
_IP_OFFSET = _FAMILY_LENGTH + _PORT_LENGTH

# The family byte is the version of the Internet Protocol; it decides how many octets follow the port.
_OCTETS = {4: 4, 6: 16}

MAX_ENCODED_LENGTH = _IP_OFFSET + _OCTETS[6]


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where a node listens for Sphinx packets: one IP address and one port.

    The IP address stays out of `repr`, so that no log of a packet or a route tells its way; `str` is explicit.
    """

    ip: IPv4Address | IPv6Address = field(repr=False)
    port: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 0xFFFF:
            raise InvalidNodeAddress("a node's port must be from 0 to 65535", port=self.port)

    @classmethod
    def from_text(cls, ip: str, port: int) -> NodeAddress:
        """Make an address from an IP address in its usual text form; raises `InvalidNodeAddress`."""
        try:
            parsed = ip_address(ip)
        except ValueError:
            raise InvalidNodeAddress("a node's IP address is not written as IPv4 or IPv6") from None
        return cls(parsed, port)

    def __hash__(self) -> int:
        # `ipaddress` hashes its objects by their hexadecimal digits.
        return hash((int(self.ip), self.port))

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}" if self.ip.version == 4 else f"[{self.ip}]:{self.port}"

    def encode(self) -> bytes:
        """Give the family byte, the port (big-endian) and the octets: 7 bytes for IPv4, 19 for IPv6."""
        return bytes((self.ip.version,)) + self.port.to_bytes(_PORT_LENGTH, "big") + self.ip.packed

    def encode_padded(self, length: int) -> bytes:
        """Give `encode()` followed by zero bytes up to `length`; raises `InvalidNodeAddress` if it is too little."""
        encoded = self.encode()
        if len(encoded) > length:
            raise InvalidNodeAddress("a node's address does not fit in the space for it", length=length)
        return encoded.ljust(length, b"\0")

    @classmethod
    def decode(cls, data: bytes | memoryview) -> NodeAddress:
        """Read an address from the start of `data` and ignore what follows, as published nodes do."""
        return cls.decode_prefix(data)[0]

    @classmethod
    def decode_prefix(cls, data: bytes | memoryview) -> tuple[NodeAddress, int]:
        """Read an address from the start of `data`; also give how many bytes it took."""
        if not data:
            raise MalformedNodeAddress()
        octets = _OCTETS.get(data[0])
        if octets is None or len(data) < _IP_OFFSET + octets:
            raise MalformedNodeAddress()
        end = _IP_OFFSET + octets
        return _decoded(bytes(data[:end])), end


# Each packet names a node, and there are few of them. What strangers write in its place pushes those out, no more.
@lru_cache(maxsize=256)
def _decoded(encoded: bytes) -> NodeAddress:
    port = int.from_bytes(encoded[_FAMILY_LENGTH:_IP_OFFSET], "big")
    packed = encoded[_IP_OFFSET:]
    return NodeAddress(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed), port)
