"""What can go wrong in this facade itself; all else comes from the tunnel."""

from __future__ import annotations

from typing import Self

from mix_protocol.errors import PeerMisbehaved, UsageError


class BodyUsed(UsageError):
    """The body has been read piece by piece already."""

    code = "fetch.body_used"
    message = "the body has been read already; it arrives only once"


class BodyNotJson(PeerMisbehaved):
    """The server's answer was to be JSON and is not."""

    code = "fetch.body_not_json"
    message = "the server's answer is not JSON"


class BadArgument(UsageError):
    """An argument has a wrong type or is out of its range."""

    code = "fetch.bad_argument"
    message = "an argument of mix_fetch has a wrong type"

    @classmethod
    def of(cls, argument: str, allowed: str) -> Self:
        """The error for an argument, with what is allowed."""
        return cls(f"{argument} must be {allowed}", argument=argument, allowed=allowed)
