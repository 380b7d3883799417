"""How a mixnet client shapes its traffic; the defaults are the published client's (Nym spec: numeric defaults)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficConfig:
    """Rates and limits of one client.

    main_stream_mean_ms -- mean time between packets of the main stream, real ones or cover; None sends at once
    cover_stream_mean_ms -- mean time between packets of the stream of loop cover; None switches it off
    mean_packet_delay_ms, mean_ack_delay_ms -- mean time for which each hop holds a packet or an acknowledgement
    max_transmissions -- times a fragment is sent before it is given up (TCP above sends its bytes again anyway)
    max_requested_surbs -- reply SURBs granted per request
    max_surbs_per_message -- reply SURBs in one message that answers a request
    """

    main_stream_mean_ms: float | None = 20.0
    cover_stream_mean_ms: float | None = 200.0
    mean_packet_delay_ms: float = 15.0
    mean_ack_delay_ms: float = 15.0
    max_transmissions: int = 10
    max_requested_surbs: int = 500
    max_surbs_per_message: int = 100

    def without(self, *, main: bool, cover: bool) -> TrafficConfig:
        """The same with the random timing of the main stream, or the stream of loop cover, switched off."""
        return replace(
            self,
            main_stream_mean_ms=None if main else self.main_stream_mean_ms,
            cover_stream_mean_ms=None if cover else self.cover_stream_mean_ms,
        )
