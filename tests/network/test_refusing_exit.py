"""An exit that refuses clients: the command says so, and ends with 97."""

from __future__ import annotations

import asyncio

from support.processes import BIN

from mix_network.local_network import LocalNetwork


async def test_mix_fetch_says_that_the_exit_refuses():
    async with LocalNetwork() as network:
        network.exit._service._router.refuse_clients("closed for the day")
        command = [BIN / "mix", "fetch", "--directory", network.directory_url, "--no-cover", "http://demo.test/"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(200):
            body, said = await process.communicate()
    assert (process.returncode, body) == (97, b"")
    assert said.startswith(b"mix: the tunnel can't be set up: ")
    assert b"[ipr.exit_denied]" in said
    assert said.count(b"\n") == 1
