"""The asyncio runtime: what drives the engine and turns it into streams, sockets and clients."""
