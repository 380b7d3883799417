"""How a connection to an exit gateway's IP packet router can fail."""

from __future__ import annotations

from mix_protocol.errors import Closed, NetworkFailure, UsageError


class ExitDenied(NetworkFailure):
    """The exit understood the request and said no. Field `reason` is a stable word, `detail` the exit's own text."""

    code = "ipr.exit_denied"
    message = "the exit gateway refused the connection; choose another exit gateway"


class ExitUnanswered(NetworkFailure):
    """The exit did not answer the request to connect in time."""

    code = "ipr.exit_unanswered"
    message = "the exit gateway did not answer; try again or choose another exit gateway"


class ConnectionLost(NetworkFailure):
    """The exit no longer knows this client (field `is_alive`: true), or no longer answers. Connecting again gives new
    addresses."""

    code = "ipr.exit_lost"
    message = "the exit gateway has ended the connection or is gone; connect again"


class NotConnected(UsageError):
    """A packet was to be sent before the exit had granted addresses, or after they were gone."""

    code = "ipr.not_connected"
    message = "there is no connection to an exit gateway; wait for it or connect again"


class InvalidPacketSize(UsageError):
    """An IP packet to be sent has no bytes or more than 65535."""

    code = "ipr.invalid_packet_size"
    message = "an IP packet has 1 to 65535 bytes"


class IprClosed(Closed):
    """The connection to the exit has been given up by this side."""

    code = "ipr.closed"
    message = "the connection to the exit gateway has been closed"
