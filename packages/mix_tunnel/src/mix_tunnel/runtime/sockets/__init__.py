"""Raw sockets through the tunnel, as programs know them: asyncio streams and UDP, to names or addresses."""
