"""The compiled Sphinx core: headers, packets and SURBs built, packets processed, many in one call.

Bytes in, bytes out. It draws no randomness, knows neither addresses nor policy, and takes a time that depends on no
secret. The same functions in pure Python are `mix_protocol.sphinx`, which explains them; without this package
everything works by those.
"""

from mix_sphinx_core._core import (
    BAD_KEY,
    BAD_LENGTH,
    BAD_MAC,
    agree,
    build_headers,
    build_packets,
    limit_tables,
    process,
    seal,
    unseal,
)

__all__ = [
    "BAD_KEY",
    "BAD_LENGTH",
    "BAD_MAC",
    "agree",
    "build_headers",
    "build_packets",
    "limit_tables",
    "process",
    "seal",
    "unseal",
]
