"""The Internet checksum (RFC 1071), without a loop over bytes.

2**16 is 1 modulo 65535, so the ones' complement sum of the 16-bit words of a number is the number modulo 65535.
"""

from __future__ import annotations

Buffer = bytes | bytearray | memoryview


def ones_complement_sum(data: Buffer) -> int:
    """The ones' complement sum of `data` as 16-bit words; an odd last byte is padded with a zero."""
    total = int.from_bytes(data, "big") % 0xFFFF
    return total << 8 if len(data) & 1 else total


def complement(total: int) -> int:
    """The checksum field that makes a sum of words come to zero (of which ones' complement has two)."""
    return -total % 0xFFFF


def pseudo_header_sum(source: bytes, destination: bytes, protocol: int) -> int:
    """The constant part of a flow's pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1): all but the length."""
    return int.from_bytes(source + destination, "big") % 0xFFFF + protocol
