"""Replay tags on disk: what a node has seen is known again after its end, whatever ended it.

A tag is written before its packet goes on, so a packet that was passed on is never passed on again by the same key. The
end of the process loses nothing of that, for what is written is the kernel's. The end of the machine may: then the keys
must go whose tags may be lost (`RunMark`).

A rotation has two files, as a `ReplayFilter` has two generations: when the younger one is full the older one is
forgotten. A file begins with the number of its generation, which takes the place of one tag.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

TAG_LENGTH: Final = 32
DURABLE_CAPACITY: Final = 1 << 21
"""Tags remembered for each key: some 200 MB of memory when it is full, and 64 MB on disk."""

_FILE_NAME: Final = re.compile(r"replay-(\d{1,10})-[01]\.log")
_READ_BYTES: Final = TAG_LENGTH << 15


class ReplayLog:
    """An exact set of replay tags of one key, with the methods of `ReplayFilter`. Raises OSError if the disk fails."""

    def __init__(self, folder: Path, rotation_id: int, capacity: int = DURABLE_CAPACITY) -> None:
        self._most = max(1, capacity // 2)
        self._paths = [folder / f"replay-{rotation_id}-{number}.log" for number in (0, 1)]
        self._descriptors = [
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600) for path in self._paths
        ]
        files = [_read_file(descriptor) for descriptor in self._descriptors]
        self._sets = [tags for _, tags in files]
        numbers = [number for number, _ in files]
        self._younger = 1 if numbers[1] > numbers[0] else 0
        self._number = numbers[self._younger]
        if self._number == 0:
            self._begin_generation()

    def __len__(self) -> int:
        return len(self._sets[0]) + len(self._sets[1])

    def check_and_set_all(self, tags: Iterable[bytes]) -> list[bool]:
        """Remember tags, one after the other; True for each that is new. They are written when this returns."""
        sets = self._sets
        answers: list[bool] = []
        new: list[bytes] = []
        younger = sets[self._younger]
        for tag in tags:
            is_new = tag not in younger and tag not in sets[1 - self._younger]
            answers.append(is_new)
            if is_new:
                if len(younger) >= self._most:
                    self._write(new)
                    new = []
                    self._turn_over()
                    younger = sets[self._younger]
                younger.add(tag)
                new.append(tag)
        self._write(new)
        return answers

    def sync(self) -> None:
        """Have it all on the disk, for an end of the machine."""
        for descriptor in self._descriptors:
            os.fsync(descriptor)

    def close(self) -> None:
        """Give the files back; they stay."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    def delete(self) -> None:
        """Forget everything, for the key is gone."""
        self.close()
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _write(self, tags: list[bytes]) -> None:
        content = memoryview(b"".join(tags))
        while content:
            content = content[os.write(self._descriptors[self._younger], content) :]

    def _turn_over(self) -> None:
        self._younger = 1 - self._younger
        self._sets[self._younger].clear()
        self._begin_generation()

    def _begin_generation(self) -> None:
        """Whoever dies in here leaves an empty file, and the other one is still the younger one then."""
        descriptor = self._descriptors[self._younger]
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        self._number += 1
        self._write([self._number.to_bytes(TAG_LENGTH, "big")])


def _read_file(descriptor: int) -> tuple[int, set[bytes]]:
    """The generation's number, 0 for an empty file, and its tags.

    What was cut off in the middle belongs to a packet that did not go on, and is cut away.
    """
    length = os.fstat(descriptor).st_size // TAG_LENGTH * TAG_LENGTH
    os.ftruncate(descriptor, length)
    number = int.from_bytes(os.read(descriptor, TAG_LENGTH), "big")
    tags: set[bytes] = set()
    while content := os.read(descriptor, _READ_BYTES):
        tags.update(content[at : at + TAG_LENGTH] for at in range(0, len(content), TAG_LENGTH))
    return number, tags


class DurableReplayFilters:
    """The logs of all keys of a node.

    folder -- where they are
    """

    def __init__(self, folder: Path, capacity: int = DURABLE_CAPACITY) -> None:
        self._folder = folder
        self._capacity = capacity
        self._logs: dict[int, ReplayLog] = {}

    def of(self, rotation_id: int) -> ReplayLog:
        """The log of a rotation's key, with all that was seen before."""
        log = self._logs.get(rotation_id)
        if log is None:
            log = self._logs[rotation_id] = ReplayLog(self._folder, rotation_id, self._capacity)
        return log

    def hold(self, rotation_ids: Collection[int]) -> None:
        """Keep the logs of these keys and delete all others, also those of former runs."""
        for rotation_id in [each for each in self._logs if each not in rotation_ids]:
            self._logs.pop(rotation_id).delete()
        for path in self._folder.glob("replay-*.log"):
            found = _FILE_NAME.fullmatch(path.name)
            if found and int(found[1]) not in rotation_ids:
                path.unlink()

    def close(self) -> None:
        """Have everything on the disk and give the files back."""
        for log in self._logs.values():
            log.sync()
            log.close()
        self._logs.clear()


class RunMark:
    """Tells whether the machine may have lost what a former run had written.

    folder -- where the mark is
    boot_id -- gives what is another one after each start of the machine; None if that can't be known
    """

    def __init__(self, folder: Path, boot_id: Callable[[], str | None]) -> None:
        self._path = folder / "running"
        self._boot_id = boot_id

    def begin(self) -> bool:
        """Note that a run begins. False if the one before may have lost something: it did not end by itself, and the
        machine has been started since, or may have been."""
        current = self._boot_id() or ""
        try:
            before = self._path.read_text("ascii").strip()
        except FileNotFoundError:
            before = None
        except (OSError, ValueError):
            before = ""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(current + "\n")
            file.flush()
            os.fsync(file.fileno())
        return before is None or (bool(current) and before == current)

    def end(self) -> None:
        """Note that the run has ended well; whoever calls it has synced everything before."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def boot_id() -> str | None:
    """What Linux calls this run of the machine; None elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip() or None
    except (OSError, ValueError):
        return None
