"""The transmission control block: everything that one connection remembers (RFC 9293 section 3.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mix_protocol.delivery import Delivery
from mix_protocol.errors import MixError
from mix_protocol.netstack.tcp.config import LEAST_SEGMENT_BYTES, TcpConfig
from mix_protocol.netstack.tcp.keep_alive import KeepAlive
from mix_protocol.netstack.tcp.receiver import Receiver
from mix_protocol.netstack.tcp.sender import Sender
from mix_protocol.netstack.tcp.sequence import wrap
from mix_protocol.netstack.tcp.state import HANDSHAKE_STATES, TcpState
from mix_protocol.netstack.wire.checksum import pseudo_header_sum
from mix_protocol.netstack.wire.ip import TCP
from mix_protocol.netstack.wire.tcp import ACK, RST, TcpSegment

DEFAULT_MSS_V4 = 536
DEFAULT_MSS_V6 = 1220
_CHALLENGES_PER_SECOND = 5
_MOST_SYN_DOUBLINGS = 2


class Flow(NamedTuple):
    """The four numbers that name a connection; addresses packed."""

    local_address: bytes
    local_port: int
    remote_address: bytes
    remote_port: int

    def __repr__(self) -> str:
        return "Flow()"


class ControlBlock:
    """One connection's state, without rules: those are in `arrival`, `departure` and `timeouts`.

    iss, irs -- initial sequence numbers: ours, the peer's
    own_mss -- the longest segment that this end's link takes
    peer_mss, peer_scale, peer_sack -- what the peer's SYN said
    changed -- something happened that the owner of the connection wants to know
    resets -- RST segments that wait to leave
    departing -- what the link below may say about the segment that leaves now, if it is one that is repeated
    """

    def __init__(self, flow: Flow, iss: int, own_mss: int, config: TcpConfig) -> None:
        self.flow = flow
        self.config = config
        self.state = TcpState.CLOSED
        self.iss = iss
        self.irs: int | None = None
        self.own_mss = own_mss
        self.sender = Sender(iss, config)
        # Replaced once the peer's initial sequence number is known.
        self.receiver = Receiver(0, config)
        self.pseudo_sum = pseudo_header_sum(flow.local_address, flow.remote_address, TCP)
        self.peer_mss: int | None = None
        self.peer_scale: int | None = None
        self.peer_sack = False
        self.send_scale = 0
        self.receive_scale = 0
        self.is_passive = False
        self.error: MixError | None = None
        self.unreachable: MixError | None = None
        self.keep_alive = KeepAlive(config)
        self.resets: list[TcpSegment] = []
        self.changed = False
        self.input_discarded = False
        # The handshake's own little timer; the sender's is for data.
        self.syn_due = False
        self.syn_sent_at: float | None = None
        self.syn_transmissions = 0
        self.syn_retransmit_at: float | None = None
        self.syn_wait_s = 0.0
        self.syn_delivery: Delivery | None = None
        self.departing: Delivery | None = None
        self.connect_by: float | None = None
        self.expires_at: float | None = None  # of TIME_WAIT, or of FIN_WAIT_2 when nobody reads
        self.last_heard_at = 0.0
        self._challenge_second = float("-inf")
        self._challenges = 0
        self.on_change: Callable[[], None] | None = None

    @property
    def is_handshaking(self) -> bool:
        """Whether no data may flow yet."""
        return self.state in HANDSHAKE_STATES

    def move_to(self, state: TcpState) -> None:
        """Change state; the owner hears of it."""
        self.state = state
        self.changed = True

    def open(self, state: TcpState, now: float, connect_timeout_s: float) -> None:
        """Start the handshake: SYN_SENT, or SYN_RECEIVED after the peer's SYN."""
        self.state = state
        self.syn_due = True
        self.connect_by = now + connect_timeout_s
        self.last_heard_at = now

    def learn_peer(self, segment: TcpSegment) -> None:
        """Take the peer's initial sequence number and its options from its SYN."""
        self.irs = segment.sequence
        self.peer_mss = segment.mss
        self.peer_scale = segment.window_scale
        self.peer_sack = segment.sack_permitted
        self.receiver = Receiver(segment.sequence, self.config)
        self.receiver.sack_permitted = segment.sack_permitted
        if segment.window_scale is not None:
            self.send_scale = segment.window_scale
            self.receive_scale = self.config.window_scale
        else:
            self.receiver.limit_window(0xFFFF)

    def establish(self, now: float) -> None:
        """The handshake is done."""
        default_mss = DEFAULT_MSS_V6 if len(self.flow.local_address) == 16 else DEFAULT_MSS_V4
        mss = min(self.peer_mss or default_mss, self.own_mss, self.config.longest_segment_bytes or self.own_mss)
        mss = max(LEAST_SEGMENT_BYTES, mss)
        self.sender.begin(mss, self.peer_sack)
        if self.syn_transmissions == 1 and self.syn_sent_at is not None:
            self.sender.rtt.sample(now - self.syn_sent_at, now)
        # A handshake that took more than one try says that the time-out is too short (RFC 6298 section 5.7).
        for _ in range(min(self.syn_transmissions - 1, _MOST_SYN_DOUBLINGS)):
            self.sender.rtt.back_off()
        self.syn_due = False
        self.syn_retransmit_at = None
        self.connect_by = None
        self.abandon_syn()
        self.move_to(TcpState.FIN_WAIT_1 if self.sender.fin_queued else TcpState.ESTABLISHED)

    def fail(self, error: MixError | None) -> None:
        """End at once, without a word to the peer. What has been received stays readable."""
        if self.error is None:
            self.error = error
        self.sender.clear()
        self.syn_due = False
        self.abandon_syn()
        self.syn_retransmit_at = self.connect_by = self.expires_at = None
        self.receiver.ack_now = False
        self.receiver.ack_at = None
        self.move_to(TcpState.CLOSED)

    def reset(self, error: MixError) -> None:
        """End at once, and let the peer know by a RST."""
        flow = self.flow
        sequence, ack = wrap(self.sender.snd_nxt), wrap(self.receiver.rcv_nxt)
        self.resets.append(TcpSegment(flow.local_port, flow.remote_port, sequence, ack, RST | ACK, 0))
        self.fail(error)

    def abandon_syn(self) -> None:
        """Let the link below know that nobody waits for the SYN any more."""
        if self.syn_delivery is not None:
            self.syn_delivery.is_wanted = False

    def enter_time_wait(self, now: float) -> None:
        """Both FINs are acknowledged; stay to answer a repeated one."""
        self.expires_at = now + self.config.time_wait_s
        self.move_to(TcpState.TIME_WAIT)

    def challenge(self, now: float) -> None:
        """Answer a doubtful segment by an acknowledgment (RFC 5961); a few each second, counted per connection.

        A limit that connections share would tell a blind attacker about the others (CVE-2016-5696).
        """
        if now - self._challenge_second >= 1.0:
            self._challenge_second = now
            self._challenges = 0
        if self._challenges < _CHALLENGES_PER_SECOND:
            self._challenges += 1
            self.receiver.ack_now = True

    def notify(self) -> None:
        """Tell the owner once about all that has changed."""
        if self.changed:
            self.changed = False
            if self.on_change is not None:
                self.on_change()
