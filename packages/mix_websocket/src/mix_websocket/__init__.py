"""WebSocket through a mixnet."""
