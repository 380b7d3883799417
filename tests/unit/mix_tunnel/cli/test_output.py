"""Where a body goes: files, pipes, and readers that leave."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys

import pytest

from mix_tunnel.cli.exit_codes import ExitCode
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.running import Failure

DATA = hashlib.shake_256(b"output").digest(300_000)


async def test_a_file_is_written_anew(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(bytes(400_000))
    with Output(str(path)) as output:
        await output.write(DATA[:100_000])
        await output.write(DATA[100_000:])
        assert not output.is_terminal
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(DATA).digest()


async def test_a_file_that_can_not_be_written(tmp_path):
    with pytest.raises(Failure, match="can't be written") as caught, Output(str(tmp_path / "no" / "out")):
        pass
    assert caught.value.code is ExitCode.WRITE_FAILED


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
async def test_a_full_disk():
    with Output("/dev/full") as output, pytest.raises(Failure, match="No space"):
        await output.write(b"x")


@pytest.mark.parametrize("path", [None, "-"])
async def test_a_full_pipe_does_not_stop_the_event_loop(monkeypatch, path):
    reading, writing = os.pipe()
    received = bytearray()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "wb", buffering=0) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with Output(path) as output:
            task = asyncio.create_task(output.write(DATA))
            for _ in range(200):
                await asyncio.sleep(0)
            assert not task.done()  # the pipe holds less than this, and the loop still runs
            while len(received) < len(DATA):
                received += await asyncio.to_thread(reader.read, 65_536)
            await task
        monkeypatch.undo()
    assert hashlib.sha256(received).digest() == hashlib.sha256(DATA).digest()


async def test_a_reader_that_leaves_is_nothing_to_complain_about(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with Output() as output, pytest.raises(Failure) as caught:
            await output.write(b"x")
        monkeypatch.undo()
    assert (caught.value.code, caught.value.sentence) == (ExitCode.WRITE_FAILED, "")
