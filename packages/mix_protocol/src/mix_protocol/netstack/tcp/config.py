"""The knobs of TCP, with defaults that suit a mixnet."""

from __future__ import annotations

from dataclasses import dataclass

from mix_protocol.errors import UsageError

LEAST_BUFFER_BYTES = 2 * 1024
MOST_BUFFER_BYTES = 64 * 1024 * 1024
LEAST_SEGMENT_BYTES = 64
"""A smaller maximum would only serve to make us send storms of tiny segments."""


class InvalidTcpConfig(UsageError):
    """A TCP setting outside what is possible."""

    code = "tcp.invalid_config"
    message = "a TCP setting is outside what is possible"


@dataclass(frozen=True, slots=True)
class TcpConfig:
    """Settings of one connection or of all that a stack opens. Times in seconds.

    send_buffer_bytes, receive_buffer_bytes -- what is held for the peer and for the application
    initial_rto_s -- before the first measurement (RFC 6298 section 2.1 says 1 s, and section 2.4's reasons make it
        3 s for a path whose round trip is up to a second: SYNs must not storm through five hops)
    minimum_rto_s, maximum_rto_s -- bounds of the retransmission time-out
    connect_timeout_s -- how long a SYN may stay unanswered
    user_timeout_s -- how long sent data, or probes, may stay unanswered (RFC 9293 section 3.8.3)
    keep_alive_idle_s -- silence before the first keep-alive probe; None switches them off (RFC 1122's default)
    keep_alive_interval_s, keep_alive_probes -- between probes, and how many unanswered ones end the connection
    time_wait_s -- how long TIME_WAIT holds the port (2 MSL)
    fin_wait_2_timeout_s -- how long to wait for the peer's FIN once nobody reads any more
    delayed_ack_s -- how long an acknowledgment may wait for a second segment or for data to ride on
    reordering_ack_delay_s -- the same while segments are missing. RFC 5681 section 4.2 would have it 0; in a mixnet
        holes are the rule and close within a few milliseconds, and each acknowledgment costs a Sphinx packet
    nagle -- hold back small segments while data is unacknowledged (RFC 9293 section 3.7.4)
    initial_window_segments -- of the congestion window (RFC 6928)
    longest_segment_bytes -- data in a segment that is sent, where the path carries shorter ones better than the longest
    """

    send_buffer_bytes: int = 256 * 1024
    receive_buffer_bytes: int = 256 * 1024
    initial_rto_s: float = 3.0
    minimum_rto_s: float = 1.0
    maximum_rto_s: float = 60.0
    connect_timeout_s: float = 60.0
    user_timeout_s: float = 120.0
    keep_alive_idle_s: float | None = None
    keep_alive_interval_s: float = 10.0
    keep_alive_probes: int = 6
    time_wait_s: float = 20.0
    fin_wait_2_timeout_s: float = 30.0
    delayed_ack_s: float = 0.05
    reordering_ack_delay_s: float = 0.02
    nagle: bool = False
    initial_window_segments: int = 10
    longest_segment_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("send_buffer_bytes", "receive_buffer_bytes"):
            if not LEAST_BUFFER_BYTES <= getattr(self, name) <= MOST_BUFFER_BYTES:
                raise InvalidTcpConfig(f"{name} must be from {LEAST_BUFFER_BYTES} to {MOST_BUFFER_BYTES}", setting=name)
        for name in ("initial_rto_s", "minimum_rto_s", "connect_timeout_s", "user_timeout_s", "keep_alive_interval_s"):
            if not getattr(self, name) > 0:
                raise InvalidTcpConfig(f"{name} must be more than 0", setting=name)
        if self.maximum_rto_s < max(self.initial_rto_s, self.minimum_rto_s):
            raise InvalidTcpConfig("maximum_rto_s must not be below the other two", setting="maximum_rto_s")
        if self.keep_alive_idle_s is not None and not self.keep_alive_idle_s > 0:
            raise InvalidTcpConfig("keep_alive_idle_s must be more than 0, or None", setting="keep_alive_idle_s")
        if self.initial_window_segments < 1:
            raise InvalidTcpConfig("initial_window_segments must be at least 1", setting="initial_window_segments")
        if self.longest_segment_bytes is not None and self.longest_segment_bytes < LEAST_SEGMENT_BYTES:
            raise InvalidTcpConfig(
                f"longest_segment_bytes must be at least {LEAST_SEGMENT_BYTES}", setting="longest_segment_bytes"
            )

    @property
    def window_scale(self) -> int:
        """The shift that lets 16 bits express the whole receive buffer (RFC 7323 section 2)."""
        return max(0, (self.receive_buffer_bytes >> 16).bit_length())
