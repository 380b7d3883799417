"""Sends commands to a running network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from mix_network.control.errors import CommandFailed, NetworkNotRunning
from mix_network.control.messages import MAX_LINE_BYTES, Answer, Command
from mix_network.control.place import running_names, socket_path
from mix_protocol.codec.json import decode_json, encode_json

ANSWER_S = 60.0


def find_network(name: str | None) -> Path:
    """The socket of the network of that name, or of the only one that runs.

    Raises `NetworkNotRunning`, whose text says which there are.
    """
    names = running_names()
    if name is None:
        if not names:
            raise NetworkNotRunning("no network of yours runs; start one with `mix-network up`")
        if len(names) > 1:
            raise NetworkNotRunning(f"several networks run, choose one with --network: {', '.join(names)}")
        name = names[0]
    elif name not in names:
        others = f"; there are: {', '.join(names)}" if names else ""
        raise NetworkNotRunning(f"no network of yours is called that{others}")
    return socket_path(name)


def send_command(path: Path, command: Command) -> dict[str, Any]:
    """Give a command and wait for its answer. Raises `NetworkNotRunning`, `CommandFailed`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(str(path))
            connection.sendall(encode_json(command) + b"\n")
            line = _read_line(connection)
    except OSError:
        raise NetworkNotRunning("the network has ended, or does not answer") from None
    answer = decode_json(line, Answer, "answer to a command")
    if answer.failure is not None:
        details = ", ".join(f"{key}: {value}" for key, value in answer.failure.fields.items() if value)
        text = answer.failure.message + (f" ({details})" if details else "")
        raise CommandFailed(text, cause=answer.failure.code)
    return answer.result or {}


def _read_line(connection: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece or len(line) > MAX_LINE_BYTES:
            raise ConnectionError("the answer does not end")
        line += piece
    return bytes(line)
