"""A node's state: Sphinx keys, clients and what waits for them, in one SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from mix_network.gateway.inbox import Inbox
from mix_network.node_keys import SphinxKeyPair
from mix_network.storage.database import Database, Migration
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.gateway.registry import ClientRecord, ClientRegistry

APPLICATION_ID: Final = 0x6D69784E
"""`mixN`."""
FILE_NAME: Final = "state.sqlite"

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        "CREATE TABLE sphinx_keys (rotation_id INTEGER PRIMARY KEY, secret BLOB NOT NULL) STRICT",
        "CREATE TABLE clients (identity BLOB PRIMARY KEY, shared_key BLOB NOT NULL, last_timestamp INTEGER NOT NULL, "
        "allowance_bytes INTEGER NOT NULL, allowance_day INTEGER NOT NULL, seen_at REAL NOT NULL) "
        "STRICT, WITHOUT ROWID",
        "CREATE TABLE inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, identity BLOB NOT NULL, "
        "stored_at REAL NOT NULL, payload BLOB NOT NULL) STRICT",
        "CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT",
    ),
    ("ALTER TABLE clients ADD COLUMN granted_bytes INTEGER NOT NULL DEFAULT 0",),
)
"""Never changed, only added to: each makes the next version of what is out there."""


def open_node_state(folder: Path) -> Database:
    """A node's state, made the first time. Raises `StateUnusable`, `StateTooNew`."""
    return Database(folder / FILE_NAME, APPLICATION_ID, MIGRATIONS)


class StoredSphinxKeys:
    """Sphinx keys of rotations, on the disk before anybody is told the public half."""

    def __init__(self, database: Database, crypto: CryptoProvider) -> None:
        self._database = database
        self._crypto = crypto

    def load(self) -> list[SphinxKeyPair]:
        """All that are kept."""
        rows = self._database.read("SELECT rotation_id, secret FROM sphinx_keys ORDER BY rotation_id")
        return [SphinxKeyPair(rotation_id, secret, self._crypto.x25519_public(secret)) for rotation_id, secret in rows]

    def keep(self, pair: SphinxKeyPair) -> None:
        """Keep a new one."""
        with self._database.durably():
            self._database.write("INSERT INTO sphinx_keys VALUES (?, ?)", pair.rotation_id, pair.secret)

    def destroy_others(self, rotation_ids: Collection[int]) -> None:
        """Destroy all keys but these."""
        marks = ", ".join("?" * len(rotation_ids))
        with self._database.durably():
            self._database.write(f"DELETE FROM sphinx_keys WHERE rotation_id NOT IN ({marks})", *rotation_ids)  # noqa: S608 -- marks alone
        self._database.scrub()


class _StoredClient(ClientRecord):
    """A record that is written when something happens that must not happen twice."""

    __slots__ = ("_registry",)

    def __init__(self, registry: StoredClientRegistry, identity: bytes, shared_key: bytes) -> None:
        super().__init__(identity, shared_key)
        self._registry = registry

    def use_timestamp(self, unix_timestamp: int) -> bool:
        is_newer = super().use_timestamp(unix_timestamp)
        if is_newer:
            self._registry.write(self)
        return is_newer

    def grant(self, amount_bytes: int, unix_time: float) -> int:
        total = super().grant(amount_bytes, unix_time)
        self._registry.write(self)
        return total

    def spend(self, amount_bytes: int, unix_time: float) -> bool:
        is_spent = super().spend(amount_bytes, unix_time)
        if is_spent:
            self._registry.spent.add(self.identity)
        return is_spent


class StoredClientRegistry(ClientRegistry):
    """A gateway's clients. Registrations, timestamps and grants are written before they are answered.

    clock -- seconds since 1970

    What clients spend is written by `flush`, which is to be called every second or so: a killed gateway may let each
    of them have that much twice, and never takes what one has paid for.
    """

    def __init__(self, database: Database, clock: Callable[[], float], max_clients: int = 100_000) -> None:
        super().__init__(max_clients)
        self._database = database
        self._clock = clock
        self.spent: set[bytes] = set()
        rows = database.read(
            "SELECT identity, shared_key, last_timestamp, allowance_bytes, allowance_day, granted_bytes FROM clients "
            "ORDER BY seen_at"
        )
        for identity, shared_key, last_timestamp, allowance_bytes, allowance_day, granted_bytes in rows:
            record = _StoredClient(self, identity, shared_key)
            record.last_timestamp = last_timestamp
            record.allowance_bytes, record.allowance_day = allowance_bytes, allowance_day
            record.granted_bytes = granted_bytes
            self.restore(record)

    def register(self, identity: bytes, shared_key: bytes) -> ClientRecord:
        record = self.get(identity)
        if record is None:
            record = _StoredClient(self, identity, shared_key)
            self.restore(record)
        record.shared_key = shared_key
        self.write(record)
        return record

    def forgotten(self, identity: bytes) -> None:
        self.spent.discard(identity)
        self._database.write("DELETE FROM clients WHERE identity = ?", identity)

    def clear(self) -> None:
        super().clear()
        self.spent.clear()
        self._database.write("DELETE FROM clients")

    def write(self, record: ClientRecord) -> None:
        """Write a record as it is now."""
        self.spent.discard(record.identity)
        self._database.write(
            "INSERT INTO clients (identity, shared_key, last_timestamp, allowance_bytes, allowance_day, granted_bytes, "
            "seen_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO UPDATE SET "
            "shared_key = excluded.shared_key, last_timestamp = excluded.last_timestamp, "
            "allowance_bytes = excluded.allowance_bytes, allowance_day = excluded.allowance_day, "
            "granted_bytes = excluded.granted_bytes, seen_at = excluded.seen_at",
            record.identity,
            record.shared_key,
            record.last_timestamp,
            record.allowance_bytes,
            record.allowance_day,
            record.granted_bytes,
            self._clock(),
        )

    def flush(self) -> None:
        """Write what was spent since the last time."""
        records = {record.identity: record for record in self}
        rows = [
            (records[identity].allowance_bytes, records[identity].allowance_day, identity)
            for identity in self.spent
            if identity in records
        ]
        self.spent.clear()
        if rows:
            self._database.write_all(
                "UPDATE clients SET allowance_bytes = ?, allowance_day = ? WHERE identity = ?", rows
            )


class StoredInboxJournal:
    """Writes a gateway's inbox through to the disk.

    clock -- seconds since 1970, by which a payload ages while the gateway is away
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def add(self, identity: bytes, payload: bytes) -> int:
        """Keep a payload; gives the number by which it is removed."""
        return self._database.write(
            "INSERT INTO inbox (identity, stored_at, payload) VALUES (?, ?, ?)", identity, self._clock(), payload
        )

    def remove(self, numbers: Collection[int]) -> None:
        """Forget payloads."""
        if numbers:
            self._database.write_all("DELETE FROM inbox WHERE number = ?", [(number,) for number in numbers])

    def load_into(self, inbox: Inbox, now: float) -> None:
        """Give an inbox what was kept before, each as old as it is. `now` is the inbox's monotonic time."""
        wall_s = self._clock()
        rows = self._database.read("SELECT number, identity, stored_at, payload FROM inbox ORDER BY number")
        for number, identity, stored_at, payload in rows:
            inbox.restore(identity, payload, now - max(0.0, wall_s - stored_at), number, now)


class StoredDocuments:
    """The directory's last answers, by which a node can start while no directory answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, documents: Mapping[str, bytes]) -> None:
        """Keep these in place of those of before."""
        self._database.write_all(
            "INSERT INTO documents VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content",
            documents.items(),
        )

    def load(self) -> dict[str, bytes]:
        """What was kept, empty for a new node."""
        return dict(self._database.read("SELECT name, content FROM documents"))
