"""What a gateway asks of its clients, and what it grants them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_network.gateway.rate_limits import Rates
from mix_protocol.gateway.server import GatewaySessionConfig


@dataclass(frozen=True, kw_only=True)
class GatewayTerms:
    """What an operator decides.

    require_bandwidth -- grant no free bandwidth but to those that are `admitted`. There is no other way to get any: the
        Nym network's tickets can't be checked here, for only its signers' keys on the chain could tell good ones
    admitted -- identities of clients, 32 bytes each
    free_a_day_bytes -- what a client is granted on a UTC day; None grants as much as it claims
    """

    require_bandwidth: bool = False
    admitted: frozenset[bytes] = frozenset()
    free_a_day_bytes: int | None = None
    rates: Rates = field(default_factory=Rates)

    def session_config(self) -> GatewaySessionConfig:
        """What sessions with clients need of it."""
        return GatewaySessionConfig(
            sealed_replies=True, free_a_day_bytes=self.free_a_day_bytes, is_free_for=self._is_free_for
        )

    def _is_free_for(self, identity: bytes) -> bool:
        return not self.require_bandwidth or identity in self.admitted
