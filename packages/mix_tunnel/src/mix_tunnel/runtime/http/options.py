"""How an HTTP client behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...options import TunnelOptions
from .request import HttpTimeouts


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a client behaves."""

    max_redirects: int = 5
    https_only: bool = False
    """Refuse plain http, in redirects too."""
    per_origin: int = 6
    """Connections to one origin at the same time, as browsers have."""
    in_all: int = 64
    keep_alive_s: float = 60.0
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)

    @classmethod
    def from_tunnel(cls, options: TunnelOptions) -> HttpOptions:
        """Take over what a tunnel's options say about fetches."""
        return cls(
            max_redirects=options.max_redirects,
            https_only=options.https_only,
            timeouts=HttpTimeouts(connect_s=options.connect_timeout_ms / 1000),
        )
