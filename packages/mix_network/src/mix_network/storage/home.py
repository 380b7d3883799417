"""The folder with one program's configuration, keys and state: its user's alone, and for one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mix_network.errors import AlreadyInitialised, HomeInUse, HomeUnusable, KeyUnusable, NotInitialised
from mix_protocol.crypto.randomness import RandomBytes

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_CONFIGURATION_BYTES: Final = 256 << 10


class Home:
    """A folder. Nothing in it is made by looking at it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process out; the kernel lets go when this one ends. Raises `HomeInUse`, `HomeUnusable`."""
        with self._judging():
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise HomeInUse(home=str(self.path)) from None
            yield
        finally:
            os.close(descriptor)

    def create(self) -> None:
        """Make the folder, for this user alone, unless it is there. Raises `HomeUnusable`."""
        with self._judging():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "keys").mkdir(mode=0o700, exist_ok=True)

    # -- configuration

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def read_configuration(self, name: str) -> bytes:
        """A file that a person edits. Raises `NotInitialised`, `HomeUnusable`."""
        try:
            with self._judging(), (self.path / name).open("rb") as file:
                content = file.read(_MAX_CONFIGURATION_BYTES + 1)
        except FileNotFoundError:
            raise NotInitialised(home=str(self.path)) from None
        if len(content) > _MAX_CONFIGURATION_BYTES:
            raise HomeUnusable(f"{name} is longer than any configuration", home=str(self.path), why="too long")
        return content

    def write_configuration(self, name: str, content: str) -> None:
        """Write it once. Raises `AlreadyInitialised`, `HomeUnusable`."""
        try:
            with self._judging():
                _create(self.path / name, content.encode())
        except FileExistsError:
            raise AlreadyInitialised(home=str(self.path)) from None

    # -- keys

    def key(self, name: str, length: int, random: RandomBytes) -> bytes:
        """A key of `length` bytes, made the first time and never again. Raises `KeyUnusable`, `HomeUnusable`.

        Its file has hexadecimal digits, which can be copied by hand.
        """
        path = self.path / "keys" / f"{name}.key"
        if not path.exists():
            with self._judging(), contextlib.suppress(FileExistsError):
                _create(path, random(length).hex().encode() + b"\n")
        return _read_key(path, length)

    @contextlib.contextmanager
    def _judging(self) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, FileNotFoundError) as error:
            if isinstance(error, FileNotFoundError) and not self.path.is_dir():
                raise NotInitialised(home=str(self.path)) from None
            raise
        except OSError as error:
            raise HomeUnusable(home=str(self.path), why=error.strerror or str(error)) from None


def _create(path: Path, content: bytes) -> None:
    """Make a private file with all of its content or none, and never over another one (FileExistsError)."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        passing.unlink()  # of a process that has died and had the same number
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(passing, path)
    finally:
        passing.unlink()
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key(path: Path, length: int) -> bytes:
    def fail(why: str) -> KeyUnusable:
        return KeyUnusable(f"the key {path.name} can't be used: {why}", name=path.name, why=why)

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(file.fileno())
            content = file.read(2 * length + 3)
    except OSError as error:
        raise fail(error.strerror or "it can't be read") from None
    if not stat.S_ISREG(state.st_mode):
        raise fail("it is no plain file")
    if state.st_mode & _OTHERS:
        raise fail("others may read it; if nobody has, run chmod 600 on it, else make another node")
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != length:
        raise fail(f"it must have {2 * length} hexadecimal digits; restore your copy of it")
    return key
