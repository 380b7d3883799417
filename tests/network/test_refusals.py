"""An exit or a gateway that refuses clients: the command says so, and ends with 97."""

from __future__ import annotations

import asyncio

from support.processes import BIN

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions


async def refusal(network: LocalNetwork) -> bytes:
    """What the command says."""
    command = [BIN / "mix", "fetch", "--directory", network.directory_url, "--no-cover", "http://demo.test/"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(200):
        body, said = await process.communicate()
    assert (process.returncode, body) == (97, b"")
    assert said.startswith(b"mix: the tunnel can't be set up: ")
    assert said.count(b"\n") == 1
    return said


async def test_mix_fetch_says_that_the_exit_refuses():
    async with LocalNetwork() as network:
        network.exit._service._router.refuse_clients("closed for the day")
        assert b"[ipr.exit_denied]" in await refusal(network)


async def test_mix_fetch_says_that_gateways_want_to_be_paid():
    async with LocalNetwork(NetworkOptions(require_bandwidth=True)) as network:
        assert b"[gateway.paid_bandwidth]" in await refusal(network)
        assert network.entry.metrics.from_clients == 0
