"""A directory's state: who has registered, what each epoch's draw was, how nodes have performed. One SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mix_network.directory.draw import Candidate
from mix_network.directory.tomography import Path as NodePath
from mix_network.rotation import RotationSchedule
from mix_network.storage.database import Database, Migration
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.topology.described import NodeDescription
from mix_protocol.topology.documents import RewardedSet

APPLICATION_ID: Final = 0x6D697844
"""`mixD`."""
FILE_NAME: Final = "state.sqlite"
_KEPT_COMMITMENTS: Final = 4
"""Epochs for which other directories' words are kept."""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        "CREATE TABLE schedule (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), epoch_s INTEGER NOT NULL, "
        "validity_epochs INTEGER NOT NULL, genesis REAL NOT NULL) STRICT",
        # AUTOINCREMENT: a number is never given twice.
        "CREATE TABLE nodes (node_id INTEGER PRIMARY KEY AUTOINCREMENT, identity BLOB NOT NULL UNIQUE, "
        "host TEXT NOT NULL, http_port INTEGER NOT NULL, announced_at REAL NOT NULL, answered_at REAL, "
        "description BLOB) STRICT",
        "CREATE TABLE seeds (epoch_id INTEGER PRIMARY KEY, seed BLOB NOT NULL) STRICT",
        "CREATE TABLE epochs (epoch_id INTEGER PRIMARY KEY, candidates BLOB NOT NULL, rewarded BLOB NOT NULL) STRICT",
        "CREATE TABLE measurements (node_id INTEGER NOT NULL, made_at REAL NOT NULL, share REAL NOT NULL) STRICT",
        "CREATE INDEX measurements_by_age ON measurements (made_at)",
    ),
    (
        # The seed of a draw that another directory made, and which one: NULL where it is this directory's own.
        "ALTER TABLE epochs ADD COLUMN seed BLOB",
        "ALTER TABLE epochs ADD COLUMN drawn_by BLOB",
        "CREATE TABLE commitments (directory BLOB NOT NULL, epoch_id INTEGER NOT NULL, commitment BLOB NOT NULL, "
        "PRIMARY KEY (directory, epoch_id)) STRICT",
    ),
    (
        # The numbers of a whole route's nodes, with commas.
        "CREATE TABLE routes (made_at REAL NOT NULL, nodes TEXT NOT NULL, has_returned INTEGER NOT NULL) STRICT",
        "CREATE INDEX routes_by_age ON routes (made_at)",
    ),
)
"""Never changed, only added to: each makes the next version of what is out there."""


@dataclass(frozen=True)
class KnownNode:
    """A node as it announced itself, with what it said when it was asked last.

    announced_at, answered_at -- seconds since 1970
    """

    node_id: int
    identity: bytes = field(repr=False)
    host: str = field(repr=False)
    http_port: int
    announced_at: float
    answered_at: float | None = None
    description: NodeDescription | None = None


@dataclass(frozen=True)
class EpochRecord:
    """An epoch's draw with all that it can be drawn again from.

    drawn_by -- the key of the directory whose seed it is; None for this one's
    """

    epoch_id: int
    seed: bytes
    candidates: tuple[Candidate, ...]
    rewarded: RewardedSet
    drawn_by: bytes | None = None


class DirectoryState:
    """The file. Whatever has been written survives the process."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, APPLICATION_ID, MIGRATIONS)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def schedule(self, wanted: RotationSchedule) -> RotationSchedule:
        """The schedule that this directory has always had; `wanted` for a new one."""
        self._database.write(
            "INSERT OR IGNORE INTO schedule VALUES (1, ?, ?, ?)",
            wanted.epoch_duration_s,
            wanted.validity_epochs,
            float(wanted.genesis_unix_s),
        )
        ((epoch_s, validity_epochs, genesis),) = self._database.read(
            "SELECT epoch_s, validity_epochs, genesis FROM schedule"
        )
        return RotationSchedule(epoch_s, validity_epochs, genesis)

    def move_schedule(self, schedule: RotationSchedule) -> None:
        """Keep that its epochs begin at other times from now on."""
        with self._database.durably():
            self._database.write("UPDATE schedule SET genesis = ?", schedule.genesis_unix_s)

    # -- nodes

    def nodes(self) -> list[KnownNode]:
        """All that ever registered."""
        rows = self._database.read(
            "SELECT node_id, identity, host, http_port, announced_at, answered_at, description FROM nodes"
        )
        return [
            KnownNode(node_id, identity, host, http_port, announced_at, answered_at, _read_description(description))
            for node_id, identity, host, http_port, announced_at, answered_at, description in rows
        ]

    def announce(self, identity: bytes, host: str, http_port: int, wall_s: float) -> int:
        """Note where a node is; gives its number."""
        self._database.write(
            "INSERT INTO nodes (identity, host, http_port, announced_at) VALUES (?, ?, ?, ?) ON CONFLICT (identity) "
            "DO UPDATE SET host = excluded.host, http_port = excluded.http_port, announced_at = excluded.announced_at",
            identity,
            host,
            http_port,
            wall_s,
        )
        ((node_id,),) = self._database.read("SELECT node_id FROM nodes WHERE identity = ?", identity)
        return int(node_id)

    def describe(self, node_id: int, description: NodeDescription, wall_s: float) -> None:
        """Note what a node has said."""
        self._database.write(
            "UPDATE nodes SET description = ?, answered_at = ? WHERE node_id = ?",
            encode_json(description),
            wall_s,
            node_id,
        )

    # -- epochs

    def seed(self, epoch_id: int) -> bytes | None:
        """The seed of an epoch, as far as it has been chosen."""
        rows = self._database.read("SELECT seed FROM seeds WHERE epoch_id = ?", epoch_id)
        return rows[0][0] if rows else None

    def choose_seed(self, epoch_id: int, seed: bytes) -> bytes:
        """Choose an epoch's seed; the one that was chosen before stays. It is on the disk before anybody is told."""
        with self._database.durably():
            self._database.write("INSERT OR IGNORE INTO seeds VALUES (?, ?)", epoch_id, seed)
        chosen = self.seed(epoch_id)
        assert chosen is not None
        return chosen

    def epoch(self, epoch_id: int) -> EpochRecord | None:
        """The draw of an epoch."""
        rows = self._database.read(
            "SELECT candidates, rewarded, coalesce(epochs.seed, seeds.seed), drawn_by FROM epochs "
            "LEFT JOIN seeds USING (epoch_id) WHERE epoch_id = ?",
            epoch_id,
        )
        if not rows or rows[0][2] is None:
            return None
        ((candidates, rewarded, seed, drawn_by),) = rows
        return EpochRecord(
            epoch_id,
            seed,
            tuple(decode_json(candidates, list[Candidate], "candidates")),
            decode_json(rewarded, RewardedSet, "rewarded set"),
            drawn_by,
        )

    def last_epoch(self, before: int) -> int | None:
        """The last epoch before this one that was drawn."""
        ((last,),) = self._database.read("SELECT max(epoch_id) FROM epochs WHERE epoch_id < ?", before)
        return int(last) if last is not None else None

    def keep_epoch(self, record: EpochRecord) -> None:
        """Keep an epoch's draw; it is on the disk before anybody is told.

        One of this directory's own takes nobody's place; one on which several have agreed does.
        """
        verb = "INSERT OR IGNORE" if record.drawn_by is None else "INSERT OR REPLACE"
        with self._database.durably():
            self._database.write(
                f"{verb} INTO epochs (epoch_id, candidates, rewarded, seed, drawn_by) VALUES (?, ?, ?, ?, ?)",
                record.epoch_id,
                encode_json(list(record.candidates)),
                encode_json(record.rewarded),
                record.seed if record.drawn_by is not None else None,
                record.drawn_by,
            )

    def commitment(self, directory: bytes, epoch_id: int) -> bytes | None:
        """The SHA-256 of an epoch's seed to which another directory has committed itself before."""
        rows = self._database.read(
            "SELECT commitment FROM commitments WHERE directory = ? AND epoch_id = ?", directory, epoch_id
        )
        return rows[0][0] if rows else None

    def keep_commitment(self, directory: bytes, epoch_id: int, commitment: bytes) -> None:
        """Note what another directory commits itself to; the first word counts."""
        self._database.write("INSERT OR IGNORE INTO commitments VALUES (?, ?, ?)", directory, epoch_id, commitment)
        self._database.write(
            "DELETE FROM commitments WHERE directory = ? AND epoch_id < ?", directory, epoch_id - _KEPT_COMMITMENTS
        )

    # -- performance

    def measure(self, node_id: int, share: float, wall_s: float) -> None:
        """Note a measurement: which share of what was tried with a node went well, 0 to 1."""
        self._database.write("INSERT INTO measurements VALUES (?, ?, ?)", node_id, wall_s, share)

    def measured(self, since: float) -> dict[int, float]:
        """By node, the mean of its measurements since then."""
        return dict(
            self._database.read(
                "SELECT node_id, avg(share) FROM measurements WHERE made_at >= ? GROUP BY node_id", since
            )
        )

    def forget_measurements(self, before: float) -> None:
        """Forget what is older than any window."""
        self._database.write("DELETE FROM measurements WHERE made_at < ?", before)
        self._database.write("DELETE FROM routes WHERE made_at < ?", before)

    def measure_routes(self, tried: Sequence[tuple[NodePath, bool]], wall_s: float) -> None:
        """Note which packets have come back from whole routes."""
        rows = [(wall_s, ",".join(map(str, path)), int(has_returned)) for path, has_returned in tried]
        self._database.write_all("INSERT INTO routes VALUES (?, ?, ?)", rows)

    def routes(self, since: float, most: int) -> list[tuple[NodePath, bool]]:
        """The whole routes that were tried since then, the newest ones of very many."""
        rows = self._database.read(
            "SELECT nodes, has_returned FROM routes WHERE made_at >= ? ORDER BY made_at DESC LIMIT ?", since, most
        )
        return [(tuple(map(int, nodes.split(","))), bool(has_returned)) for nodes, has_returned in rows]


def _read_description(content: bytes | None) -> NodeDescription | None:
    return decode_json(content, NodeDescription, "description") if content is not None else None
