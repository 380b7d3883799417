"""The compiled Sphinx core, as far as it is installed: the distribution `mix-sphinx-core`.

It computes what `mix_protocol.sphinx` writes in Python, many packets a call. Without it everything works, more slowly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

HeaderRequest: TypeAlias = tuple[bytes, bytes, bytes, bytes]
"""What a header is made of: the hops' public keys in the route's order (32 bytes each), what they are to read (the
forward blocks up to the MAC, then the final block up to its padding), a fresh secret (32 bytes), and the random padding
of the final block."""

PacketRequest: TypeAlias = tuple[bytes, bytes, bytes, bytes, bool, bytes, int, int]
"""The same, then: whether payload keys come from seeds, and the padded payload. The last two say which earlier packet
of the same call is put into the payload before it is sealed (-1 for none), and where it begins."""

LayerTaken: TypeAlias = tuple[bytes, bytes, bytes]
"""What a node finds under its layer: the packet's replay tag, what the routing block says up to the next MAC or up to
the padding, and the packet to send on, or the decrypted payload where the packet ends. Of a block of no known kind 52
bytes are given, and nothing else."""

PYTHON: Final = "python"
CHOICE: Final = "MIX_SPHINX_CORE"
"""Environment variable: with the value `python` the compiled core is left alone, for tests and doubtful machines."""


class CompiledSphinx(Protocol):
    """What the module `mix_sphinx_core` offers.

    Constant in time for all secrets, draws no randomness. None stands for what has a public key that it does not work
    with (of low order, or not on the curve). Wrong lengths are ValueErrors.
    """

    BAD_LENGTH: int
    BAD_KEY: int
    BAD_MAC: int

    def build_headers(self, requests: Sequence[HeaderRequest]) -> list[tuple[bytes, bytes] | None]:
        """Headers of 348 bytes, each with the seeds of its hops' payload keys (16 bytes each)."""
        ...

    def build_packets(self, requests: Sequence[PacketRequest]) -> list[bytes | None]:
        """Whole packets."""
        ...

    def seal(self, material: bytes, is_seeded: bool, payload: bytes) -> bytes:
        """A padded payload encrypted for all hops, whose seeds (or whole keys of 192 bytes) are given."""
        ...

    def unseal(self, material: bytes, payload: bytes) -> bytes:
        """The padded payload of a reply that came sealed, by the seeds of all hops."""
        ...

    def process(self, node_secret: bytes, packets: Sequence[bytes]) -> list[LayerTaken | int]:
        """A node's layer taken off each packet, or why it could not be: BAD_LENGTH, BAD_KEY or BAD_MAC."""
        ...

    def agree(self, requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes] | None]:
        """For a secret and a point: the secret's X25519 public key, and X25519 of the two."""
        ...


def load_compiled_sphinx() -> CompiledSphinx | None:
    """Load the compiled core; None where it is not installed, cannot be loaded or is not wanted."""
    if os.environ.get(CHOICE) == PYTHON:
        return None
    try:
        import mix_sphinx_core
    except ImportError:
        return None
    module: CompiledSphinx = mix_sphinx_core
    return module
