"""The sending half's timers: retransmission, tail loss probe, reordering and persist.

At most one of retransmission, tail loss probe and persist is armed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mix_protocol.netstack.tcp.congestion import Recovery

if TYPE_CHECKING:
    from mix_protocol.netstack.tcp.sender import Sender

_WORST_DELAYED_ACK_S = 0.2
_LEAST_PROBE_WAIT_S = 0.01


class SenderTimers:
    """Deadlines in monotonic seconds, None while not armed.

    reorder_at -- segments that are late become lost then (RFC 8985 section 6.2 step 5)
    probe_with_new, probe_with_old -- a tail loss probe waits to leave: new data, or the last segment again
    window_override -- a segment too small to be worth it may leave, because the window has stayed small
    zero_window_probe -- a probe of the peer's window waits to leave
    """

    __slots__ = (
        "_forced",
        "_persist_at",
        "_persist_backoff",
        "_probe_end",
        "_probe_is_old",
        "_retransmit_at",
        "_sender",
        "_tail_probe_at",
        "_waiting_since",
        "probe_with_new",
        "probe_with_old",
        "reorder_at",
        "window_override",
        "zero_window_probe",
    )

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.clear()

    def clear(self) -> None:
        """Disarm everything."""
        self._retransmit_at: float | None = None
        self._tail_probe_at: float | None = None
        self._persist_at: float | None = None
        self.reorder_at: float | None = None
        self._persist_backoff = 1
        self._probe_end: int | None = None
        self._probe_is_old = False
        self._forced = False
        # Since when the peer owes us an answer.
        self._waiting_since: float | None = None
        self.probe_with_new = False
        self.probe_with_old = False
        self.window_override = False
        self.zero_window_probe = False

    def next_timeout(self) -> float | None:
        """The earliest deadline."""
        deadlines = (self._retransmit_at, self._tail_probe_at, self._persist_at, self.reorder_at)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # What moves the deadlines.

    def on_sent(self, now: float) -> None:
        """A segment left."""
        self.probe_with_new = self.probe_with_old = self.window_override = False
        self._persist_at = None
        if self._waiting_since is None:
            self._waiting_since = now
        if self._retransmit_at is None:
            self._retransmit_at = now + self._sender.rtt.rto_s
        self._schedule_tail_probe(now)

    def on_progress(self, now: float) -> None:
        """Something that was sent has arrived."""
        self._waiting_since = now
        self._retransmit_at = now + self._sender.rtt.rto_s
        self._schedule_tail_probe(now)

    def on_window_update(self) -> None:
        """The peer's window has changed."""
        self._persist_at = None
        self._persist_backoff = 1
        self.zero_window_probe = False

    def on_heard(self) -> None:
        """Any acceptable segment came: the peer lives, which is all that a probe of its window asks."""
        if not self._sender.has_outstanding:
            self._waiting_since = None

    def _schedule_tail_probe(self, now: float) -> None:
        """Arm the tail loss probe where RFC 8985 section 7.2 allows it."""
        sender = self._sender
        queue = sender.queue
        self._tail_probe_at = None
        if (
            not queue
            or not sender.sack_permitted
            or sender.recovery is not Recovery.OPEN
            or queue.sacked
            or self._probe_end is not None
        ):
            return
        srtt_s = sender.rtt.srtt_s
        if srtt_s is None or sender.rtt.is_unsure:
            # RFC 8985 says one second without a measurement, which on a slow path asks for what is on its way. And a
            # path that has become slow would never be measured, if a probe repeated each segment.
            return
        wait_s = max(2 * srtt_s, _LEAST_PROBE_WAIT_S)
        if len(queue) == 1:
            wait_s += _WORST_DELAYED_ACK_S
        if self._retransmit_at is not None and now + wait_s < self._retransmit_at:
            self._tail_probe_at = now + wait_s

    def rearm(self, now: float) -> None:
        """Bring the timers in line with what is outstanding."""
        sender = self._sender
        if sender.queue:
            self._persist_at = None
            return
        self._retransmit_at = self._tail_probe_at = self.reorder_at = None
        self._probe_end = None
        if not sender.wants_to_send:
            self._persist_at = None
            self._waiting_since = None
        elif self._persist_at is None:
            # Nothing is out whose acknowledgment would tell of a wider window (RFC 9293 section 3.8.6.1).
            wait_s = min(sender.rtt.rto_s * self._persist_backoff, 60.0)
            self._persist_at = now + wait_s

    # What happens at a deadline.

    def handle_timeout(self, now: float, user_timeout_s: float) -> bool:
        """Act on what is due; gives False when the peer has been silent for too long."""
        sender = self._sender
        if self.reorder_at is not None and self.reorder_at <= now:
            self.reorder_at = None
            sender.on_reorder_timeout(now)
        if self._retransmit_at is not None and self._retransmit_at <= now:
            if self._is_silent(now, user_timeout_s):
                return False
            until = sender.deferred_until(now)
            if until is None:
                sender.on_timeout(now)
                self._forced = True
                self._probe_end = None
            self._tail_probe_at = None
            self._retransmit_at = until or now + sender.rtt.rto_s
        elif self._tail_probe_at is not None and self._tail_probe_at <= now:
            self._tail_probe_at = None
            # A link that repeats what it loses has no losses at the tail that nobody notices.
            if not sender.queue.last.is_vouched_for:
                self._send_tail_probe(now)
        if self._persist_at is not None and self._persist_at <= now:
            if self._is_silent(now, user_timeout_s):
                return False
            if self._waiting_since is None:
                self._waiting_since = now
            self._persist_backoff *= 2
            self._persist_at = now + min(sender.rtt.rto_s * self._persist_backoff, 60.0)
            if sender.usable_window > 0:
                self.window_override = True
            else:
                self.zero_window_probe = True
        return True

    def _is_silent(self, now: float, user_timeout_s: float) -> bool:
        return self._waiting_since is not None and now - self._waiting_since >= user_timeout_s

    def take_forced(self) -> bool:
        """Whether the next segment leaves whatever the congestion window says; asked once."""
        forced = self._forced or self.probe_with_old
        self._forced = False
        return forced

    # Tail loss probes (RFC 8985 section 7).

    def _send_tail_probe(self, now: float) -> None:
        sender = self._sender
        self._retransmit_at = now + sender.rtt.rto_s
        if sender.unsent and sender.usable_window >= min(sender.mss, sender.unsent):
            self.probe_with_new = True
            self._probe_end = sender.snd_nxt + min(sender.mss, sender.unsent)
            self._probe_is_old = False
        else:
            self.probe_with_old = True
            sender.rtt.is_unsure = True
            self._probe_end = sender.snd_nxt
            self._probe_is_old = True

    def cancel_tail_probe(self) -> None:
        """The probe that waits to leave is not needed any more."""
        self.probe_with_new = self.probe_with_old = False
        self._probe_end = None

    def is_tail_probe(self, start: int, end: int) -> bool:
        """Whether a duplicate that the peer reports is the probe that we sent."""
        return self._probe_is_old and self._probe_end is not None and start < self._probe_end <= end

    def on_tail_probe_answered(self, ack: int, duplicate_reported: bool) -> None:
        """See whether an acknowledgment says what became of the probe (section 7.4.2)."""
        if self._probe_end is None or ack < self._probe_end:
            return
        if not self._probe_is_old or duplicate_reported:
            self._probe_end = None
        elif ack > self._probe_end:
            self._probe_end = None
            self._sender.on_tail_loss_repaired()
