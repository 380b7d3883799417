"""`mix fetch` meets gateways that break the protocol: each gives its own error, soon, and exit code 97."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.hostile_gateway import answering_gateway, tampered_directory
from support.ports import refusing_port
from support.processes import BIN, local_network

VERSION_6 = '{"type":"supportedProtocol","version":6}'
GARBAGE = {
    "no JSON": ("]]]", "gateway.malformed_frame"),
    "JSON of another kind": ("[1, 2, 3]", "gateway.malformed_frame"),
    "random bytes": (bytes(range(256)), "gateway."),
    "an old version": ('{"type":"supportedProtocol","version":3}', "gateway.incompatible_version"),
    "a handshake of no meaning": ('{"type":"handshakePayload","protocol_version":6,"data":[1,2,3]}', "gateway."),
}


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    with local_network() as network:
        yield network["directory"]["http"]


def fetch_through(directory: str, gateway_port: int) -> str:
    """What the command says when the directory names a gateway at this port."""
    with tampered_directory(directory, gateway_port) as url:
        command = [BIN / "mix", "fetch", "--directory", url, "--no-cover", "http://demo.test/"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (97, "", 1), ended.stderr
    assert ended.stderr.startswith("mix: the tunnel can't be set up: ")
    return ended.stderr


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage(directory: str, kind: str):
    answer, code = GARBAGE[kind]
    with answering_gateway(answer) as port:
        assert f"[{code}" in fetch_through(directory, port)


def test_nobody_there(directory: str):
    with refusing_port() as port:
        assert "[platform." in fetch_through(directory, port)


def test_another_gateways_signature(directory: str):
    """A real gateway, but not the one that the directory names: the handshake's signature is not its."""
    with local_network() as other:
        port: Any = urlsplit(other["entry_gateways"][0]["ws"]).port
        assert "[gateway.invalid_signature]" in fetch_through(directory, port)
