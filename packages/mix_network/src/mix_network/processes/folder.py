"""The folder of a network of programs: gone when the network ends, or when the next one starts.

SIGKILL leaves no time to remove anything. So whoever has a folder holds a lock in it, which the system frees for a
process that dies, and every start removes the folders of this user that nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PREFIX: Final = "mix-network-up-"
_LOCK_NAME: Final = "owner.lock"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, of mode 0700, that is removed behind the block; first those that dead networks have left."""
    remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        descriptor = os.open(folder / "new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Under its name it is held from the first moment.
            (folder / "new").rename(folder / _LOCK_NAME)
            yield folder
        finally:
            os.close(descriptor)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove the folders in `parent` whose owners are gone; gives them."""
    removed = []
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
            finally:
                os.close(descriptor)
    return removed
