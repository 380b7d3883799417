"""Keeps payloads for clients that are away. No clock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

DAY_S = 24 * 3600.0


@dataclass
class _Box:
    payloads: deque[tuple[float, bytes]] = field(default_factory=deque)
    size_bytes: int = 0


class Inbox:
    """Payloads by client, each kept for at most `max_age_s` seconds and all together within `max_bytes`.

    One client's box holds at most `max_client_bytes` and `max_client_payloads`; beyond that its oldest payloads make
    room, for the newest are those that somebody may still be waiting for. When the whole inbox is full a new payload is
    refused, so that a flood for one client cannot push out what others wait for.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 64 << 20,
        max_client_bytes: int = 4 << 20,
        max_client_payloads: int = 2000,
        max_age_s: float = DAY_S,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_client_bytes = min(max_client_bytes, max_bytes)
        self._max_client_payloads = max_client_payloads
        self._max_age_s = max_age_s
        self._boxes: dict[bytes, _Box] = {}
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes kept for all clients together."""
        return self._size_bytes

    def store(self, identity: bytes, payload: bytes, now: float) -> bool:
        """Keep `payload` for the client; False when there is no room for it."""
        if len(payload) > self._max_client_bytes:
            return False
        box = self._boxes.get(identity)
        if box is not None:
            self._expire_box(box, now)
        held = box.size_bytes if box else 0
        freed = max(0, held + len(payload) - self._max_client_bytes)
        if self._size_bytes - freed + len(payload) > self._max_bytes:
            return False
        if box is None:
            box = self._boxes[identity] = _Box()
        while box.payloads and (
            box.size_bytes + len(payload) > self._max_client_bytes or len(box.payloads) >= self._max_client_payloads
        ):
            self._remove_oldest(box)
        box.payloads.append((now, payload))
        box.size_bytes += len(payload)
        self._size_bytes += len(payload)
        return True

    def take(self, identity: bytes, now: float) -> list[bytes]:
        """Remove and return what waits for the client, oldest first."""
        box = self._boxes.pop(identity, None)
        if box is None:
            return []
        self._expire_box(box, now)
        self._size_bytes -= box.size_bytes
        return [payload for _, payload in box.payloads]

    def expire(self, now: float) -> None:
        """Forget what is older than `max_age_s`; to be called from time to time."""
        for identity, box in list(self._boxes.items()):
            self._expire_box(box, now)
            if not box.payloads:
                del self._boxes[identity]

    def _expire_box(self, box: _Box, now: float) -> None:
        oldest = now - self._max_age_s
        while box.payloads and box.payloads[0][0] < oldest:
            self._remove_oldest(box)

    def _remove_oldest(self, box: _Box) -> None:
        _, payload = box.payloads.popleft()
        box.size_bytes -= len(payload)
        self._size_bytes -= len(payload)
