"""A failure after which the same request may go out once more without harm."""

from __future__ import annotations

from mix_protocol.errors import MixError


class Resend(Exception):
    """The server has certainly not acted on the request, or acting twice does no harm.

    error -- what went wrong, for the caller if it goes wrong again
    """

    def __init__(self, error: MixError) -> None:
        super().__init__(error)
        self.error = error
