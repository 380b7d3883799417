"""Keeps payloads for clients that are away. No clock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mix_network.shares import Shares

DAY_S = 24 * 3600.0


@dataclass
class _Box:
    identity: bytes
    payloads: deque[tuple[float, bytes]] = field(default_factory=deque)
    size_bytes: int = 0


class Inbox:
    """Payloads by client, each kept for at most `max_age_s` seconds and all together within `max_bytes`.

    One client's box holds at most `max_client_bytes` and `max_client_payloads`; beyond that its oldest payloads make
    room, for the newest are those that somebody may still be waiting for. When the whole inbox is full, the oldest
    payloads of the client with the largest box make room, so that a flood for one client pushes out nothing but itself.
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
        self._shares: Shares[bytes] = Shares()

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
        else:
            box = self._boxes[identity] = _Box(identity)
        while box.payloads and (
            box.size_bytes + len(payload) > self._max_client_bytes or len(box.payloads) >= self._max_client_payloads
        ):
            self._remove_oldest(box)
        is_kept = self._make_room(box, len(payload))
        if is_kept:
            box.payloads.append((now, payload))
            self._change(box, len(payload))
        if not box.payloads:
            del self._boxes[identity]
        return is_kept

    def take(self, identity: bytes, now: float) -> list[bytes]:
        """Remove and return what waits for the client, oldest first."""
        box = self._boxes.pop(identity, None)
        if box is None:
            return []
        self._expire_box(box, now)
        self._change(box, -box.size_bytes)
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
        self._change(box, -len(payload))

    def _make_room(self, box: _Box, length: int) -> bool:
        """Let the greediest give; False if that is the one who wants more, and it has nothing older."""
        while self._size_bytes + length > self._max_bytes:
            greediest = self._shares.greediest()
            giver = self._boxes[greediest] if greediest is not None else box
            if giver.size_bytes <= box.size_bytes:
                giver = box
            if not giver.payloads:
                return False
            self._remove_oldest(giver)
            if not giver.payloads and giver is not box:
                del self._boxes[giver.identity]
        return True

    def _change(self, box: _Box, by: int) -> None:
        box.size_bytes += by
        self._size_bytes += by
        self._shares.change(box.identity, by)
