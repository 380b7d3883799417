"""For how long a connection that nobody uses can be trusted to be there still.

A server closes it when it likes, and a request that is on its way then is lost. On a mixnet that way takes seconds, so
the server's own hint (`Keep-Alive: timeout=5`, which Node's servers send) is kept less a round trip, and what may not
be repeated is not sent over a connection that the usual servers are about to close.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

SHORTEST_USUAL_S = 5.0
"""What Apache, Node and uvicorn keep an idle connection for, unless told otherwise."""
SLACK_S = 0.5
"""Of the server's clock, and of ways that differ."""
_TIMEOUT = re.compile(r"(?:^|[,\s])timeout\s{0,8}=\s{0,8}\"?([0-9]{1,9})", re.IGNORECASE)


class KeepAlive:
    """What is known about one connection.

    round_trip_s -- how long it took to open, at most; later round trips that were shorter count
    """

    def __init__(self, round_trip_s: float = 0.0) -> None:
        self._round_trip_s = round_trip_s
        self._hint_s = math.inf

    def answered(self, after_s: float, headers: Iterable[tuple[str, str]]) -> None:
        """A request had its answer's first byte after so many seconds, the server's own work included."""
        self._round_trip_s = min(self._round_trip_s, after_s)
        hints = [_TIMEOUT.search(value) for name, value in headers if name.lower() == "keep-alive"]
        self._hint_s = min((float(hint[1]) for hint in hints if hint), default=math.inf)

    @property
    def limit_s(self) -> float:
        """Seconds of idling after which nobody should use the connection; perhaps below 0."""
        return self._hint_s - self._margin_s

    def lasts(self, idle_s: float, *, repeatable: bool) -> bool:
        """Whether a request may go over it after so much idling; one that is not `repeatable` takes no risk."""
        usual_s = math.inf if repeatable else SHORTEST_USUAL_S - self._margin_s
        return idle_s < min(self.limit_s, usual_s)

    @property
    def _margin_s(self) -> float:
        """The server's time began half a round trip before ours, and its half is needed to get there."""
        return self._round_trip_s + SLACK_S
