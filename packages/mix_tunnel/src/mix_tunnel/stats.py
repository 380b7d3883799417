"""What a tunnel has sent and received so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TunnelStats:
    """Counters since the tunnel was set up, and an estimate of the round trip through the mixnet."""

    real_packets_sent: int = 0
    """Sphinx packets that carry a fragment for the first time."""
    cover_packets_sent: int = 0
    """Loop cover packets."""
    retransmitted_packets: int = 0
    """Sphinx packets that carry a fragment again, because its acknowledgement stayed away."""
    acks_received: int = 0
    """Acknowledgements of our fragments."""
    cover_packets_received: int = 0
    """Loop cover packets that came back."""
    packets_dropped: int = 0
    """Pushed payloads that could not be opened."""
    reply_surbs_given: int = 0
    """Reply SURBs handed to the exit."""
    replies_received: int = 0
    """Messages that came back by reply SURBs."""
    bytes_sent: int = 0
    """Bytes of the IP packets sent through the exit."""
    bytes_received: int = 0
    """Bytes of the IP packets received through the exit."""
    round_trip_ms: float | None = None
    """Smoothed time from sending a fragment to its acknowledgement; None before the first."""
    gateway_reconnects: int = 0
    """Times the connection to the entry gateway was lost and made again."""
