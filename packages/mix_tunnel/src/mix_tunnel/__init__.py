"""One shared tunnel through a mixnet: client engine, asyncio runtime, worker and RPC."""
