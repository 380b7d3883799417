"""TLS sessions kept for taking up again: without certificates a handshake is shorter, and TLS 1.2's a round trip less.

A session is what remains of a verified handshake, so it serves only the host, the port and the context (roots,
protocols) that it was made with, never longer than its certificate, and each one of TLS 1.3 only once (RFC 8446
appendix C.4: a ticket that is sent twice tells that two connections are the same client's).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

MAX_KEYS = 256
MAX_PER_KEY = 6
"""As many as the connections of HTTP/1.1 that one origin gets."""
MAX_AGE_S = 3600.0
"""However long the server offers."""

Key = tuple[object, ...]


class TlsSessions:
    """Bounded memory of sessions, a few for each key.

    now -- seconds since the epoch, as certificates have it
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sessions: OrderedDict[Key, deque[tuple[ssl.SSLSession, float]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def take(self, key: Key) -> ssl.SSLSession | None:
        """The newest session to offer, which is forgotten; None when there is none that is still good."""
        kept = self._sessions.get(key, deque())
        session, expires_at = kept.pop() if kept else (None, 0.0)
        if self._now() < expires_at:
            return session
        self._sessions.pop(key, None)  # older ones expired before
        return None

    def keep(self, key: Key, connection: ssl.SSLObject) -> bool:
        """Remember a verified connection's session; returns False while the server has not given one yet."""
        session = connection.session
        if session is None or not (session.has_ticket or connection.version() == "TLSv1.2"):
            return False
        kept = self._sessions.setdefault(key, deque(maxlen=MAX_PER_KEY))
        kept.append((session, self._expiry(connection, session)))
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_KEYS:
            self._sessions.popitem(last=False)
        return True

    def _expiry(self, connection: ssl.SSLObject, session: ssl.SSLSession) -> float:
        import ssl

        lifetime_s = session.ticket_lifetime_hint if session.has_ticket else session.timeout
        until = self._now() + min(lifetime_s or session.timeout, MAX_AGE_S)
        certificate = connection.getpeercert() or {}
        not_after = certificate.get("notAfter")
        return min(until, ssl.cert_time_to_seconds(not_after)) if isinstance(not_after, str) else 0.0
