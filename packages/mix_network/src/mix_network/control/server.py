"""The running network's end of its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mix_network.control.errors import ControlUnavailable
from mix_network.control.messages import MAX_LINE_BYTES, Answer, Command, Failure
from mix_network.rehearsal import SLOW_LINK
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError

ASK_S = 10.0
"""For a command to come, and for its answer to be taken."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class Commanded(Protocol):
    """What commands need of a network: `LocalNetwork`."""

    def description(self) -> dict[str, Any]: ...

    def metrics(self) -> dict[str, Any]: ...

    def set_link(self, link: str) -> None: ...

    async def add_mix(self, layer: int | None = None) -> str: ...

    async def kill(self, name: str) -> None: ...

    async def restart(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def slow(self, name: str, link: str) -> None: ...

    def resume(self, name: str) -> None: ...

    def rotate_keys(self) -> int: ...


class ControlServer:
    """Takes commands for a network, one at a time.

    path -- of the socket, in a folder that is this user's alone
    about -- what the status tells beside what the network says
    """

    def __init__(self, network: Commanded, path: Path, about: Mapping[str, Any]) -> None:
        self._network = network
        self._path = path
        self._about = about
        self._server: asyncio.Server | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Listen. Raises `ControlUnavailable`."""
        # The mode has to be right from the first moment, which leaves the mask, the whole process's, for that moment.
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE_BYTES)
        except OSError as error:
            raise ControlUnavailable(f"the control socket can't be made: {error.strerror}") from None
        finally:
            os.umask(mask)

    async def close(self) -> None:
        """Take no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ASK_S):
                line = await reader.readuntil(b"\n")
            answer = await self._answer(line)
            async with asyncio.timeout(ASK_S):
                writer.write(encode_json(answer) + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            command = decode_json(line, Command, "command")
            async with self._turn:
                return Answer(await self._obey(command))
        except MixError as error:
            return Answer(failure=Failure(error.code, str(error), dict(error.fields)))
        except Exception as error:
            _CRASHES.note(error, "one command")
            return Answer(failure=Failure("network.command_failed", f"the command has failed: {type(error).__name__}"))

    async def _obey(self, command: Command) -> dict[str, Any]:
        network, node = self._network, command.node
        match command.verb:
            case "status":
                return {**self._about, **network.description(), **network.metrics()}
            case "add-mix":
                return {"node": await network.add_mix(command.layer)}
            case "kill":
                await network.kill(node)
            case "restart":
                await network.restart(node)
            case "stop":
                network.stop(node)
            case "slow":
                network.slow(node, command.link or SLOW_LINK)
            case "resume":
                network.resume(node)
            case "rotate-keys":
                return {"rotation": network.rotate_keys()}
            case "set-link":
                network.set_link(command.link or "none")
        return {}
