"""Payloads as a gateway pushes them to a client that takes sealed replies.

`identifier (16) | payload`. A sealed reply is pushed whole, with the identifier of the SURB that it came on. It is
longer than an ordinary payload, from which the gateway has taken the SURB-ack; so that nobody on the client's link can
tell one from the other, an ordinary one is pushed with zeros for the identifier and with zeros up to the same length.
Acknowledgements stay as they are.

Only our own gateways know this form, and only clients that asked for it get it (`gateway.control`).
"""

from __future__ import annotations

from typing import Final

from mix_protocol.messages.geometry import DATA_SIZES, pushed_length
from mix_protocol.sphinx.geometry import SURB_IDENTIFIER_LENGTH

_NO_IDENTIFIER: Final = bytes(SURB_IDENTIFIER_LENGTH)
_WRAPPED_LENGTH: Final = {pushed_length(size): SURB_IDENTIFIER_LENGTH + size.payload_length for size in DATA_SIZES}
_ORDINARY_LENGTH: Final = {wrapped: ordinary for ordinary, wrapped in _WRAPPED_LENGTH.items()}


def wrap_sealed(identifier: bytes, payload: bytes) -> bytes:
    """The form of a sealed reply."""
    return identifier + payload


def wrap_ordinary(payload: bytes) -> bytes:
    """The form of any other payload; one that is no packet's data is left as it is, and so is one that has the form."""
    length = _WRAPPED_LENGTH.get(len(payload))
    return payload if length is None else (_NO_IDENTIFIER + payload).ljust(length, b"\0")


def is_wrapped(payload: bytes) -> bool:
    """Whether a payload has the form; no ordinary one has its length."""
    return len(payload) in _ORDINARY_LENGTH


def unwrap(payload: bytes) -> tuple[bytes | None, bytes]:
    """The identifier (None for an ordinary payload) and the payload of what `is_wrapped`."""
    identifier, content = payload[:SURB_IDENTIFIER_LENGTH], payload[SURB_IDENTIFIER_LENGTH:]
    if identifier == _NO_IDENTIFIER:
        return None, content[: _ORDINARY_LENGTH[len(payload)]]
    return identifier, content
