"""A local network, a site and a client in one process, to be starved by a test: downloads once and says how it went.

Prints "ready" when the tunnel is, then waits for a line, downloads, and prints what became of it as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys

from mix_fetch.fetching import mix_fetch
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

BODY = hashlib.shake_256(b"starved").digest(300_000)
PATIENCE_MS = 600_000


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    await writer.drain()
    writer.close()


async def main() -> None:
    site = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = site.sockets[0].getsockname()[1]
    async with LocalNetwork(NetworkOptions(allow_local=True)) as network:
        # Limits that a user gives are by the wall clock, whatever becomes of this process.
        options = TunnelOptions(directory_url=network.directory_url, connect_timeout_ms=PATIENCE_MS)
        async with await Tunnel.connect(options) as tunnel:
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            response = await mix_fetch(f"http://127.0.0.1:{port}/", tunnel=tunnel)
            intact = await response.bytes() == BODY
            stats = tunnel.stats()
    site.close()
    told = {
        "intact": intact,
        "reconnects": stats.gateway_reconnects,
        "sent": stats.real_packets_sent,
        "again": stats.retransmitted_packets,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
