"""The states of a connection (RFC 9293 section 3.3.2)."""

from __future__ import annotations

import enum


class TcpState(enum.Enum):
    """Where a connection stands. LISTEN is what a `TcpListener` is, never a connection."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


HANDSHAKE_STATES = frozenset({TcpState.SYN_SENT, TcpState.SYN_RECEIVED})
# The peer may still send data to us.
RECEIVING_STATES = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2})
# We may still hand over data to send.
SENDING_STATES = frozenset({TcpState.SYN_SENT, TcpState.SYN_RECEIVED, TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})
