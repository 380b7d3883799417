"""HTTP/1.1 (RFC 9112) as client: one exchange after the other over one connection.

What servers send is read by readers of our own (`head`, `framing`, `chunks`), which take what curl and browsers both
take, and is handed to the h11 library in the one form that leaves nothing to guess.
"""

from .connection import CHUNK_BYTES, HttpConnection

__all__ = ["CHUNK_BYTES", "HttpConnection"]
