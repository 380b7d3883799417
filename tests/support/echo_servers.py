"""Servers of the plainest kind, in a thread of their own, for tests that block."""

from __future__ import annotations

import asyncio
import threading
from typing import Any


class EchoServers:
    """TCP that sends everything back and half-closes after the other side, and UDP that answers in capitals."""

    def __init__(self) -> None:
        self.tcp = self.udp = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        assert started.wait(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        started.set()
        self._loop.run_forever()
        echoing = asyncio.all_tasks(self._loop)
        for task in echoing:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*echoing, return_exceptions=True))

    async def _start(self) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.write(b"|end")
            writer.close()

        class Capitals(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, address: Any) -> None:
                self.transport.sendto(data.upper(), address)

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        self.tcp = server.sockets[0].getsockname()[1]
        transport, _ = await self._loop.create_datagram_endpoint(Capitals, local_addr=("127.0.0.1", 0))
        self.udp = transport.get_extra_info("sockname")[1]
