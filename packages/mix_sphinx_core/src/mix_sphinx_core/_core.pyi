"""Every length is in bytes; one that is wrong is a ValueError. Whatever takes bytes takes other buffers as well."""

from collections.abc import Buffer, Sequence
from typing import Final

BAD_LENGTH: Final[int]
"""No packet has this length."""
BAD_KEY: Final[int]
"""The packet's point has low order."""
BAD_MAC: Final[int]
"""The header was made for another node, or changed."""

def build_headers(requests: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], /) -> list[tuple[bytes, bytes] | None]:
    """Build a header for each (node keys, metas, secret, padding).

    node keys -- 32 for each of one to five hops
    metas -- for each hop but the last flag, version, address and delay (44), for the last flag, version, destination
        and identifier (52)
    secret -- 32, fresh for each header
    padding -- of the last hop's block: 248, less 60 for each hop but the last

    Gives (header of 348, payload seeds of 16 for each hop); None where a node's key is on the twist or of low order.
    """

def build_packets(
    requests: Sequence[tuple[Buffer, Buffer, Buffer, Buffer, bool, Buffer, int, int]], /
) -> list[bytes | None]:
    """Build a packet for each (node keys, metas, secret, padding, is_seeded, padded payload, carries, at).

    is_seeded -- whether the payload's keys come from seeds (versions 259 and 260) or are taken whole (258)
    carries -- the index of an earlier request, whose packet is put into the payload at `at` before that is encrypted;
        -1 for none

    None as above, and where what is carried is None.
    """

def seal(material: Buffer, is_seeded: bool, payload: Buffer, /) -> bytes:
    """Encrypt a padded payload for the hops whose seeds (16) or keys (192) are given, in the order of the route."""

def unseal(seeds: Buffer, payload: Buffer, /) -> bytes:
    """Open a sealed reply, given the seeds of all hops: what comes out is a padded payload if the seeds are right."""

def process(node_secret: Buffer, packets: Sequence[Buffer], /) -> list[tuple[bytes, bytes, bytes] | int]:
    """Take off a node's layer of each packet.

    Gives (replay tag of 32, meta, rest): after a forward meta (44) the packet for the next hop, after a final one (52)
    the payload, after 52 of a block of no known kind nothing. A number from above where there is a reason against it.
    """

def agree(requests: Sequence[tuple[Buffer, Buffer]], /) -> list[tuple[bytes, bytes] | None]:
    """For each (secret, point): the secret's X25519 public key, and X25519 of the two (RFC 7748).

    Made for points that come again and again. None for one that is on the twist or of low order.
    """

def limit_tables(count: int, /) -> None:
    """Keep tables for so many points at most (512; each takes 31 kB): those that were used last."""
