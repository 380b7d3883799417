"""WebSocket through the tunnel (RFC 6455, RFC 7692): the `websockets` library's state machine over our streams."""

from .connect import check_websocket_url, connect_websocket
from .connection import WebSocketConnection
from .options import Compression, WebSocketOptions
from .url import WebSocketUrl

__all__ = [
    "Compression",
    "WebSocketConnection",
    "WebSocketOptions",
    "WebSocketUrl",
    "check_websocket_url",
    "connect_websocket",
]
