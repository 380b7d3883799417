"""One SQLite file with a program's state: migrated when it is opened, written through, private to its user.

What was written when a call returns is in the kernel's hands and survives the end of the process, however it ends. What
must survive the end of the machine as well is written `durably`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mix_network.errors import StateTooNew, StateUnusable

Migration = Sequence[str]
"""Statements that make the next version of a schema out of the one before."""

_BUSY_MS: Final = 5000


class Database:
    """An open file. Not for several threads; a lock on the home keeps other processes away.

    application_id -- marks whose file it is; another program's is refused
    migrations -- all of them since the first version; those that the file has not seen are run, each in one transaction

    Raises `StateUnusable`, `StateTooNew`.
    """

    def __init__(self, path: Path, application_id: int, migrations: Sequence[Migration]) -> None:
        self._name = path.name
        with self._judging():
            # SQLite gives its journal the same mode as the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            os.chmod(path, 0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_MS / 1000)
        try:
            with self._judging():
                self._prepare()
                self._migrate(application_id, migrations)
        except BaseException:
            self._connection.close()
            raise

    def read(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows that a SELECT gives."""
        return self._connection.execute(statement, parameters).fetchall()

    def write(self, statement: str, *parameters: Any) -> int:
        """Run one statement, alone or inside `transaction`; gives the number of the row that was put in."""
        return self._connection.execute(statement, parameters).lastrowid or 0

    def write_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row, all or nothing."""
        with self.transaction():
            self._connection.executemany(statement, rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside happens altogether or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def durably(self) -> Iterator[None]:
        """Like `transaction`, and on the disk when it ends."""
        self._connection.execute("PRAGMA synchronous = FULL")
        try:
            with self.transaction():
                yield
        finally:
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def scrub(self) -> None:
        """Let nothing of what was deleted be found in the journal, either."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write everything to the file itself and close it."""
        with contextlib.suppress(sqlite3.Error):
            self.scrub()
        self._connection.close()

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")

    def _migrate(self, application_id: int, migrations: Sequence[Migration]) -> None:
        ((version,),) = self.read("PRAGMA user_version")
        ((mark,),) = self.read("PRAGMA application_id")
        if version > len(migrations):
            raise StateTooNew(version=version, known=len(migrations))
        if mark != application_id and (mark or version or self.read("SELECT name FROM sqlite_master LIMIT 1")):
            raise StateUnusable(name=self._name, why="it is another program's")
        for number, statements in enumerate(migrations[version:], version + 1):
            with self.durably():
                for statement in statements:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {application_id}")
                self._connection.execute(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def _judging(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StateUnusable(name=self._name, why=str(error)) from None
