"""Where the sockets of this user's running networks are, by the networks' names."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mix_network.control.errors import ControlUnavailable, NameTaken
from mix_network.errors import InvalidNetworkOption

DEFAULT_NAME = "local"
_MOST_UNNAMED = 100
_PROBE_S = 2.0
_MAX_PATH_BYTES = 100
"""Linux takes 107 and others less for the path of a socket."""


def check_name(name: str) -> str:
    """A network's name, which is a file's as well. Raises `InvalidNetworkOption`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", name):
        raise InvalidNetworkOption(
            "a network's name has up to 32 letters, digits, dots, dashes and underscores", option="name"
        )
    return name


def folder() -> Path:
    """The folder, made if it is missing: mode 0700, and this user's. Raises `ControlUnavailable`."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(runtime, "mix-network") if runtime else Path(tempfile.gettempdir(), f"mix-network-{os.getuid()}")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise ControlUnavailable(f"the folder for control sockets can't be made: {error.strerror}") from None
    # In a temporary folder somebody else may have been first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ControlUnavailable(
            "the folder for control sockets is not this user's alone; remove it, or set XDG_RUNTIME_DIR"
        )
    return path


def socket_path(name: str) -> Path:
    """Where the network of that name listens. Raises `InvalidNetworkOption`, `ControlUnavailable`."""
    path = folder() / f"{check_name(name)}.sock"
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise ControlUnavailable("the path of the control socket is too long; set XDG_RUNTIME_DIR to a shorter one")
    return path


def running_names() -> list[str]:
    """The names of networks that run, those of this user."""
    names = sorted(path.stem for path in folder().glob("*.sock"))
    return [name for name in names if _is_served(socket_path(name))]


@contextlib.contextmanager
def claimed(name: str | None) -> Iterator[str]:
    """Have a name while the block runs; None takes one that is free: `local`, `local-2` …

    Raises `NameTaken`, `InvalidNetworkOption`, `ControlUnavailable`.
    """
    names = [name] if name is not None else _unnamed()
    for candidate in names:
        lock = _lock(candidate)
        if lock is None:
            continue
        try:
            path = socket_path(candidate)
            # Whoever had the name is gone, however it went: it would hold the lock otherwise.
            path.unlink(missing_ok=True)
            try:
                yield candidate
            finally:
                path.unlink(missing_ok=True)
        finally:
            os.close(lock)
        return
    raise NameTaken()


def _unnamed() -> Iterator[str]:
    yield DEFAULT_NAME
    yield from (f"{DEFAULT_NAME}-{number}" for number in range(2, _MOST_UNNAMED))


def _lock(name: str) -> int | None:
    """A descriptor that holds the name's lock until it is closed, which the system does for a process that dies."""
    path = folder() / f"{check_name(name)}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
