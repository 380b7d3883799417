"""Some of the clients, in a process of their own: `python -m soak.clients`, with a `Task` as JSON on its input.

Each has a tunnel of its own and makes one transfer after the other. Every transfer is told of in a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from typing import Any

from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts
from mix_tunnel.state import TunnelState
from mix_tunnel.tunnel import Tunnel
from soak.site import content, receipt

RIGHT, WRONG, OVERRUN, UNTYPED = "right", "wrong", "overrun", "untyped"
TOO_SLOW = "own limit"
"""A stream did not come to its end within the limit that we set ourselves."""
SET_UP = "set-up"
MOST_UPLOADED = 30_000
MOST_ECHOED = 8_000
_SLACK_S = 30.0
"""So much later than its limit may a transfer end on a machine that has a hundred other things to do."""


@dataclass(frozen=True)
class Task:
    """What these clients are to do.

    host -- the site's name, or address
    first, clients -- their numbers
    limit_s -- for each transfer, and for setting a tunnel up
    pause_s -- the longest pause between two transfers
    most_bytes -- the longest download
    """

    directory_url: str
    host: str
    http_port: int
    echo_port: int
    first: int
    clients: int
    limit_s: float
    pause_s: float
    most_bytes: int


@dataclass(frozen=True)
class Transfer:
    """How one transfer went.

    began, took_s -- seconds; `began` by the machine's monotonic clock, which all processes share
    detail -- of an untyped error, what it said; of a typed one, why the tunnel was last lost, if it ever was
    outcome -- `right`, or the code of a typed error; `wrong`, `overrun` and `untyped` must not be
    """

    client: int
    kind: str
    began: float
    took_s: float
    bytes: int
    outcome: str
    detail: str = ""


class Client:
    """One of them."""

    def __init__(self, task: Task, number: int) -> None:
        self._task = task
        self._number = number
        self._count = 0
        self._chance = random.Random(number)  # noqa: S311 -- it has to repeat
        self._tunnel: Tunnel | None = None
        self._broke_by = ""

    async def run(self) -> None:
        """Transfer until cancelled."""
        kinds = {"download": self._download, "upload": self._upload, "echo": self._echo}
        try:
            while True:
                if self._tunnel is None or self._tunnel.state.phase == "failed":
                    await self._told(SET_UP, 0, self._connect())
                else:
                    kind = self._chance.choice(list(kinds))
                    most = {"download": self._task.most_bytes, "upload": MOST_UPLOADED, "echo": MOST_ECHOED}[kind]
                    size = round(most ** self._chance.random())
                    await self._told(kind, size, kinds[kind](size))
                await asyncio.sleep(self._chance.random() * self._task.pause_s)
        finally:
            if self._tunnel is not None:
                await self._tunnel.close()

    async def _told(self, kind: str, size: int, transfer: Coroutine[Any, Any, bool]) -> None:
        began, outcome, detail = time.monotonic(), RIGHT, ""
        self._count += 1
        try:
            async with asyncio.timeout(self._task.limit_s + _SLACK_S):
                if not await transfer:
                    outcome = WRONG
        except MixError as error:
            outcome, detail = error.code, self._broke_by
        except EchoTooSlow:
            outcome = TOO_SLOW
        except TimeoutError:
            outcome = OVERRUN
        except Exception as error:
            outcome, detail = UNTYPED, f"{type(error).__name__}: {error}"
        took_s = time.monotonic() - began
        told = Transfer(self._number, kind, began, took_s, size, outcome, detail)
        print(json.dumps(asdict(told)), flush=True)

    async def _connect(self) -> bool:
        if self._tunnel is not None:
            await self._tunnel.close()
            self._tunnel = None
        limit_ms = round(self._task.limit_s * 1000)
        options = TunnelOptions(
            directory_url=self._task.directory_url,
            disable_cover_traffic=True,
            disable_poisson_traffic=True,
            connect_timeout_ms=limit_ms,
        )
        self._tunnel = await Tunnel.connect(options, on_state=self._note_state)
        return True

    def _note_state(self, state: TunnelState) -> None:
        if state.reason is not None:
            self._broke_by = state.reason.code

    async def _download(self, size: int) -> bool:
        name = f"{self._number}-{self._count}"
        return await self._fetch("GET", f"/{name}/{size}", None) == content(name, size)

    async def _upload(self, size: int) -> bool:
        body = content(f"up {self._number} {self._count}", size)
        return await self._fetch("POST", "/", body) == receipt(body)

    async def _fetch(self, method: str, path: str, body: bytes | None) -> bytes:
        assert self._tunnel is not None
        timeouts = HttpTimeouts(total_s=self._task.limit_s)
        url = f"http://{self._task.host}:{self._task.http_port}{path}"
        response = await self._tunnel.http.fetch(HttpRequest(method, url, body=body, timeouts=timeouts))
        got = bytearray()
        while piece := await response.read():
            got += piece
        return bytes(got)

    async def _echo(self, size: int) -> bool:
        """Over a TCP connection of its own, which has no limit of time but ours."""
        assert self._tunnel is not None
        data = content(f"echo {self._number} {self._count}", size)
        try:
            async with asyncio.timeout(self._task.limit_s):
                stream = await self._tunnel.connect_tcp(self._task.host, self._task.echo_port)
                try:
                    await stream.send(data)
                    await stream.send_eof()
                    got = bytearray()
                    while piece := await stream.receive():
                        got += piece
                finally:
                    stream.abort()
        except TimeoutError:
            raise EchoTooSlow from None
        return bytes(got) == data


class EchoTooSlow(Exception):
    """A stream has no limit of time but the one that its program sets."""


async def main(task: Task) -> None:
    """Run all clients until the input ends."""
    clients = [asyncio.create_task(Client(task, task.first + number).run()) for number in range(task.clients)]
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(Task(**json.loads(sys.stdin.readline()))))
