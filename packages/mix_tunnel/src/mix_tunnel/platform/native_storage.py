"""Records in files: `$XDG_DATA_HOME/mix-tunnel` (by default `~/.local/share/mix-tunnel`), for their owner alone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
from pathlib import Path

from mix_tunnel.platform import MAX_RECORD_BYTES, StorageInUse, StorageUnavailable

_NAME_BYTES = 16


class FileRecord:
    """One record; it is locked against other tunnels, of this process or of another one, until `close`."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock: int | None = lock
        self._mutex = threading.Lock()  # a write whose task was cancelled goes on

    @classmethod
    def open(cls, name: str) -> FileRecord:
        """Lock a record; does not wait. Raises `StorageInUse`, or `StorageUnavailable`."""
        try:
            import fcntl
        except ImportError:
            raise StorageUnavailable from None
        path = _folder() / f"{hashlib.blake2b(name.encode(), digest_size=_NAME_BYTES).hexdigest()}.identity"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnavailable from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise (StorageInUse if isinstance(error, BlockingIOError) else StorageUnavailable) from error
        return cls(path, lock)

    async def read(self) -> bytes | None:
        """The record's bytes; None if there is none yet."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_RECORD_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageUnavailable from error

    async def write(self, data: bytes) -> None:
        """Replace the record: after a crash there is the old one or the new one."""
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        with self._mutex:
            self._replace(data)

    def _replace(self, data: bytes) -> None:
        new = self._path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageUnavailable from error

    async def close(self) -> None:
        """Unlock it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                os.close(lock)


def _folder() -> Path:
    data_home = os.environ.get("XDG_DATA_HOME", "")
    # A relative path there is to be ignored (XDG Base Directory Specification).
    if Path(data_home).is_absolute():
        return Path(data_home) / "mix-tunnel"
    try:
        return Path.home() / ".local/share/mix-tunnel"
    except RuntimeError as error:  # a user without a home
        raise StorageUnavailable from error
