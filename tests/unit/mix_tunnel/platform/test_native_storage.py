"""Records in files."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mix_tunnel.platform import StorageInUse, StorageUnavailable
from mix_tunnel.platform.native import NativePlatform
from mix_tunnel.platform.native_storage import FileRecord


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "mix-tunnel"


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and its files, by suffix."""
    return {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


def leave_half_a_file(folder: Path) -> None:
    [path] = folder.glob("*.identity")
    path.with_suffix(".new").write_bytes(b"half")


async def test_what_is_written_is_read_by_the_next_one():
    record = FileRecord.open("client/me")
    assert await record.read() is None
    await record.write(b"one")
    await record.write(b"two")
    assert await record.read() == b"two"
    await record.close()
    await record.close()
    again = await NativePlatform().open_record("client/me")
    assert await again.read() == b"two"
    await again.close()
    other = FileRecord.open("client/../../you")
    assert await other.read() is None
    await other.close()


async def test_files_are_for_their_owner_alone(data_home: Path):
    before = os.umask(0)
    try:
        record = FileRecord.open("client/me")
        await record.write(b"secret")
        await record.close()
    finally:
        os.umask(before)
    assert modes(data_home) == {"": 0o700, ".identity": 0o600, ".lock": 0o600}


async def test_a_record_is_locked_in_this_process_and_in_others():
    record = FileRecord.open("client/me")
    with pytest.raises(StorageInUse):
        FileRecord.open("client/me")
    program = (
        "from mix_tunnel.platform.native_storage import FileRecord\n"
        "try:\n    FileRecord.open('client/me')\n    print('free')\n"
        "except Exception as error:\n    print(error.code)\n"
    )
    for expected in ("platform.storage_in_use", "free"):
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
        await record.close()


async def test_a_half_written_file_of_before_is_no_obstacle(data_home: Path):
    record = FileRecord.open("client/me")
    await record.write(b"one")
    leave_half_a_file(data_home)
    assert await record.read() == b"one"
    await record.write(b"two")
    assert await record.read() == b"two"
    await record.close()


async def test_a_cancelled_write_does_not_disturb_the_next():
    record = FileRecord.open("client/me")
    for number in range(20):
        writing = asyncio.create_task(record.write(b"cancelled"))
        await asyncio.sleep(0)
        writing.cancel()
        await record.write(bytes([number]))
        assert await record.read() == bytes([number])
    await record.close()


async def test_a_place_that_cannot_be_used_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageUnavailable):
        FileRecord.open("client/me")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    record = FileRecord.open("client/me")
    [lock] = (tmp_path / "mix-tunnel").iterdir()
    lock.with_suffix(".identity").mkdir()
    with pytest.raises(StorageUnavailable):
        await record.read()
    with pytest.raises(StorageUnavailable):
        await record.write(b"x")
    await record.close()


def test_a_relative_data_home_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    FileRecord.open("client/me")
    assert (tmp_path / ".local/share/mix-tunnel").is_dir()


def test_a_user_without_a_home_has_no_storage(monkeypatch: pytest.MonkeyPatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(StorageUnavailable):
        FileRecord.open("client/me")
