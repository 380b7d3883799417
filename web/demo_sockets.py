"""The demo site's WebSockets: an echo, and one that closes with any code."""

from __future__ import annotations

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_FORBIDDEN_CODES = (1004, 1005, 1006, 1015)
"""Codes that no close frame may carry (RFC 6455, section 7.4.1)."""


async def echo(socket: WebSocket) -> None:
    """Sends back what comes; speaks the first subprotocol that the client offers."""
    offered = socket.scope["subprotocols"]
    await socket.accept(subprotocol=offered[0] if offered else None)
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        return


async def close(socket: WebSocket) -> None:
    """Closes with the code in its path as soon as it is open."""
    code = socket.path_params["code"]
    await socket.accept()
    allowed = 1000 <= code <= 1014 or 3000 <= code <= 4999
    allowed = allowed and code not in _FORBIDDEN_CODES
    await socket.close(code if allowed else 1002, f"code {code}, as asked for" if allowed else "no such close code")


ROUTES = [WebSocketRoute("/echo", echo), WebSocketRoute("/close/{code:int}", close)]
