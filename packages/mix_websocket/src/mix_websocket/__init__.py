"""WebSocket through a mixnet, as the `websockets` library has it.

await setup_mix_tunnel()
async with connect("wss://example.org/echo") as websocket:
    await websocket.send("hello")
    print(await websocket.recv())
await disconnect_mix_tunnel()
"""

from mix_tunnel.api import (
    Compression,
    MixError,
    TunnelOptions,
    TunnelState,
    disconnect_mix_tunnel,
    get_mix_tunnel,
    get_tunnel_state,
    setup_mix_tunnel,
)
from mix_tunnel.api import WebSocketConnection as ClientConnection
from mix_websocket.connecting import connect, process_exception
from mix_websocket.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    OpenTimedOut,
    SecurityError,
)

__all__ = [
    "ClientConnection",
    "Compression",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "MixError",
    "NegotiationError",
    "OpenTimedOut",
    "SecurityError",
    "TunnelOptions",
    "TunnelState",
    "connect",
    "disconnect_mix_tunnel",
    "get_mix_tunnel",
    "get_tunnel_state",
    "process_exception",
    "setup_mix_tunnel",
]
