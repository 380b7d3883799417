"""The section of a node's configuration that is about clients."""

from __future__ import annotations

from typing import Final

from mix_network.configuration import Configuration
from mix_network.gateway.inbox import InboxLimits
from mix_network.gateway.rate_limits import Rates
from mix_network.gateway.terms import GatewayTerms
from mix_protocol.codec import base58
from mix_protocol.errors import MixError

_IDENTITY_LENGTH: Final = 32
_KILOBYTE: Final = 1000
_MEGABYTE: Final = 1_000_000
_MOST_KILOBYTES: Final = 10_000_000
_MOST_MEGABYTES: Final = 1_000_000_000
_MOST_INBOX_MEGABYTES: Final = 100_000
_HOUR_S: Final = 3600.0
_PAYLOAD_BYTES: Final = 2000
"""Most payloads are as long, some are acknowledgements."""
_CLIENT_KILOBYTES: Final = 4000
"""No client that waits for its packets' way through the mixnet comes near it."""
_ADDRESS_KILOBYTES: Final = 16_000
_REGISTRATIONS: Final = 120


def read_terms(section: Configuration) -> GatewayTerms:
    """What clients may do. Raises `InvalidConfiguration`."""
    free_megabytes = section.number("free_megabytes", 0, least=0, most=_MOST_MEGABYTES)
    admitted = section.texts("admit", (), _is_identity, "identities of clients, in base58")

    def rate(name: str, default: float) -> float | None:
        return section.number(name, default, least=0, most=_MOST_KILOBYTES) * _KILOBYTE or None

    return GatewayTerms(
        require_bandwidth=section.flag("require_bandwidth", False),
        admitted=frozenset(map(base58.decode, admitted)),
        free_a_day_bytes=int(free_megabytes * _MEGABYTE) or None,
        rates=Rates(
            client_bytes_per_s=rate("client_kilobytes", _CLIENT_KILOBYTES),
            address_bytes_per_s=rate("address_kilobytes", _ADDRESS_KILOBYTES),
            registrations_per_minute=section.whole("registrations", _REGISTRATIONS, least=0, most=1_000_000) or None,
        ),
    )


def read_inbox_limits(section: Configuration) -> InboxLimits:
    """How much waits for clients, and for how long. Raises `InvalidConfiguration`."""
    megabytes = section.number("inbox_megabytes", 64, least=0.1, most=_MOST_INBOX_MEGABYTES)
    client_megabytes = section.number("inbox_client_megabytes", 4, least=0.1, most=_MOST_INBOX_MEGABYTES)
    if client_megabytes > megabytes:
        section.fail("inbox_client_megabytes", "one client can't have more than inbox_megabytes for all")
    max_client_bytes = int(client_megabytes * _MEGABYTE)
    return InboxLimits(
        max_bytes=int(megabytes * _MEGABYTE),
        max_client_bytes=max_client_bytes,
        max_client_payloads=max_client_bytes // _PAYLOAD_BYTES,
        max_age_s=section.number("inbox_hours", 24, least=0.01, most=24 * 366) * _HOUR_S,
    )


def _is_identity(text: str) -> bool:
    try:
        base58.decode(text, _IDENTITY_LENGTH)
    except MixError:
        return False
    return True
