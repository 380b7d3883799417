"""A page's place for a tunnel, with a tunnel in it."""

from __future__ import annotations

from typing import Any


class ReadyTunnels:
    """As the worker's services see it."""

    def __init__(self, tunnel: Any) -> None:
        self._tunnel = tunnel

    async def ready(self) -> Any:
        """The tunnel."""
        return self._tunnel
