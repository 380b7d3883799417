"""Keep-alive probes: is a silent peer still there (RFC 9293 section 3.8.4)?"""

from __future__ import annotations

from mix_protocol.netstack.tcp.config import TcpConfig


class KeepAlive:
    """Decides when to probe an idle peer and when to give it up.

    probe_due -- a probe waits to leave
    """

    __slots__ = ("_config", "_next_at", "_unanswered", "idle_s", "probe_due")

    def __init__(self, config: TcpConfig) -> None:
        self._config = config
        self.idle_s = config.keep_alive_idle_s
        self._unanswered = 0
        self._next_at: float | None = None
        self.probe_due = False

    @property
    def next_timeout(self) -> float | None:
        """When silence becomes suspicious."""
        return self._next_at

    def on_heard(self, now: float) -> None:
        """The peer sent something."""
        self._unanswered = 0
        self.probe_due = False
        self._next_at = None if self.idle_s is None else now + self.idle_s

    def stop(self) -> None:
        """No more probes."""
        self._next_at = None
        self.probe_due = False

    def handle_timeout(self, now: float, has_outstanding: bool) -> bool:
        """Act on a deadline that has passed; gives False when the peer has not answered the last probe."""
        if self._next_at is None or now < self._next_at:
            return True
        self._next_at = now + self._config.keep_alive_interval_s
        if has_outstanding:
            # What is being retransmitted is probe enough, and has its own patience.
            self._unanswered = 0
            return True
        if self._unanswered >= self._config.keep_alive_probes:
            return False
        self._unanswered += 1
        self.probe_due = True
        return True
