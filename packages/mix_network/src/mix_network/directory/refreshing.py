"""Nodes that ask to be looked at again: `v1/nym-nodes/refresh-described`. No clock of its own.

Nym spec, what a node asks of a directory: 404 for who does not belong to the network, 401 for a signature of somebody
else's, 400 for a request of another time, 429 for one within a minute of the last.
"""

from __future__ import annotations

from collections.abc import Callable

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.node_api.directory_requests import MIN_REFRESH_INTERVAL_S, RefreshRequest
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest


class RefreshRequests:
    """Judges such requests, and passes on what is to be done.

    is_known -- whether a node has this identity that belongs to the network at this time
    look_again -- is given the identity of a node that has changed; it returns at once
    """

    def __init__(
        self, crypto: CryptoProvider, is_known: Callable[[bytes, float], bool], look_again: Callable[[bytes], None]
    ) -> None:
        self._crypto = crypto
        self._is_known = is_known
        self._look_again = look_again
        # Of nodes of the network alone, and of those the last minute's.
        self._last: dict[bytes, float] = {}

    def take(self, request: RefreshRequest, wall_s: float) -> tuple[int, str | None]:
        """Do what is asked; gives the HTTP status, and what is wrong with the request if something is."""
        identity = request.identity
        if not self._is_known(identity, wall_s):
            return 404, "no node of this network has this identity"
        try:
            request.check(self._crypto, wall_s)
        except InvalidSignature as error:
            return 401, str(error)
        except StaleRequest as error:
            return 400, str(error)
        recent = wall_s - MIN_REFRESH_INTERVAL_S
        self._last = {node: asked_s for node, asked_s in self._last.items() if recent < asked_s <= wall_s}
        if identity in self._last:
            return 429, "this node has asked within the last minute; wait a while"
        self._last[identity] = wall_s
        self._look_again(identity)
        return 200, None
