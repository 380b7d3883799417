"""What a tunnel has sent and received so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TunnelStats:
    """Counters since the tunnel was set up, a few figures of this moment, and an estimate of the round trip.

    Counters only grow, for as long as the tunnel lives: they go on through reconnecting and through other exits.
    """

    real_packets_sent: int = 0
    """Sphinx packets that carry a fragment of a message for the first time."""
    cover_packets_sent: int = 0
    """Sphinx packets that carry nothing: loop cover, which goes to ourselves, or with balanced replies a reply SURB
    alone, for the exit to send home."""
    retransmitted_packets: int = 0
    """Sphinx packets that carry a fragment again, because its acknowledgement stayed away. All three together are the
    packets that the entry gateway took from us."""
    acks_received: int = 0
    """Acknowledgements of our fragments; cover has none that count."""
    cover_packets_received: int = 0
    """Packets with nothing in them that came: loop cover, and with balanced replies those that the exit had no answer
    for, at most one for each reply SURB given."""
    packets_dropped: int = 0
    """Payloads pushed by the entry gateway that could not be opened."""
    reply_surbs_given: int = 0
    """Reply SURBs handed to exits: what they may answer with, one for each packet of an answer."""
    surbs_held: int = 0
    """Reply SURBs that the exit holds now: given minus used. Those lost on the way, in either direction, count as held
    for a day, for nobody can tell them apart."""
    replies_received: int = 0
    """Messages that came back by reply SURBs."""
    bytes_sent: int = 0
    """Bytes of the IP packets sent through the exit, their headers included."""
    bytes_received: int = 0
    """Bytes of the IP packets received through the exit, their headers included."""
    round_trip_ms: float | None = None
    """Milliseconds from sending a fragment to its acknowledgement: a moving average in which each new one counts an
    eighth; None before the first."""
    gateway_reconnects: int = 0
    """Times the connection to an entry gateway was lost and made again."""
    open_connections: int = 0
    """TCP connections that are open now, those under TLS and those kept for reuse included."""
    uptime_ms: float = 0.0
    """Milliseconds since the tunnel was ready for the first time."""
