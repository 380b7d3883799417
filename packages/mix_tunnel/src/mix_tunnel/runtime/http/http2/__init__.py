"""HTTP/2 (RFC 9113) as client: many requests at the same time over one TLS connection."""

from .connection import Http2Connection

__all__ = ["Http2Connection"]
