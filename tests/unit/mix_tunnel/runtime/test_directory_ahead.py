"""What a page's worker asks of the directory before Python has started is what Python asks for."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import GetAnswer, GetFailed
from mix_tunnel.runtime.candidates import list_exit_candidates
from mix_tunnel.runtime.directory import DirectoryClient
from mix_tunnel.runtime.directory_trust import trust_of

MODULE = Path(__file__).parents[4] / "packages/mix_tunnel/js/directory_ahead.js"
EXIT = Recipient(bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))).to_text()
SCRIPT = """
const { DirectoryAhead } = await import(process.argv[1]);
const asked = [];
globalThis.fetch = async (url, { headers }) => void asked.push([url, headers]);
new DirectoryAhead().begin(JSON.parse(process.argv[2]));
console.log(JSON.stringify(asked));
process.exit(0);
"""


class NoDirectory:
    """Notes what is asked, and answers nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        self.asked.append((url, headers))
        await asyncio.sleep(0)
        raise GetFailed()


def asked_by_python(options: TunnelOptions) -> set[str]:
    platform = NoDirectory()
    client = DirectoryClient(platform, options.directory_url, trust=trust_of(options))

    async def ask() -> None:
        questions = (client.fetch_snapshot(), list_exit_candidates(options, client))
        await asyncio.gather(*questions, return_exceptions=True)

    asyncio.run(ask())
    return {json.dumps([url, dict(headers)]) for url, headers in platform.asked}


def asked_by_javascript(options: Mapping[str, Any]) -> set[str]:
    command = ["node", "--input-type=module", "-e", SCRIPT, str(MODULE), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {json.dumps(each) for each in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("options", "camel"),
    [
        ({}, {}),
        ({"directory_url": "http://127.0.0.1:8080/api/"}, {"directoryUrl": "http://127.0.0.1:8080/api/"}),
        ({"preferred_ipr": EXIT}, {"preferredIpr": EXIT}),
        ({"directory_keys": ()}, {"directoryKeys": []}),
    ],
    ids=["defaults", "another directory", "a chosen exit", "no keys"],
)
def test_the_worker_asks_for_the_same(options: dict[str, Any], camel: dict[str, Any]):
    expected = asked_by_python(TunnelOptions(**options))
    assert len(expected) == 6 - len(options.keys() & {"preferred_ipr"})
    assert asked_by_javascript(camel) == expected


def test_where_directories_sign_the_worker_asks_for_what_they_have_signed():
    key = base58.encode(bytes(32))
    expected = asked_by_python(TunnelOptions(directory_keys=(key,)))
    assert len(expected) == 1
    assert asked_by_javascript({"directoryKeys": [key]}) == expected
    assert asked_by_javascript({"directoryKeys": key}) == expected


def test_a_chosen_exit_is_looked_up_in_what_is_signed():
    key = base58.encode(bytes(32))
    expected = asked_by_python(TunnelOptions(directory_keys=(key,), preferred_ipr=EXIT))
    assert asked_by_javascript({"directoryKeys": [key], "preferredIpr": EXIT}) == expected
