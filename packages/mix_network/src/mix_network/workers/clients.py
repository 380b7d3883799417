"""What all workers of a gateway know of its clients: keys, allowance, and which worker each is connected to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mix_network.workers.shared_table import SharedTable
from mix_protocol.gateway.registry import ClientRecord, ClientRegistry

MAX_CLIENTS: Final = 100_000
NOWHERE: Final = 0
"""The worker of a client that is away; workers count from 1, those in whose place others came too."""

_RECORD: Final = struct.Struct("<32sQQIIIQ")
"""Shared key, last timestamp, allowance and its day; the worker, and how often the client was seated; what was granted
that day."""
RECORD_LENGTH: Final = _RECORD.size
_ALLOWANCE: Final = struct.Struct("<QI")
_ALLOWANCE_OFFSET: Final = struct.calcsize("<32sQ")


@dataclass(frozen=True, slots=True)
class Seat:
    """Which worker has a client (`NOWHERE` for none), and the how manieth of its seats this is."""

    worker: int
    number: int


class SharedClient(ClientRecord):
    """A client's record as this process saw it last; each use begins with what other workers have made of it."""

    __slots__ = ("_place", "_registry", "seat")

    def __init__(self, registry: SharedClientRegistry, identity: bytes, row: bytes) -> None:
        super().__init__(identity, b"")
        self._registry = registry
        self._place = 0
        self.seat = Seat(NOWHERE, 0)
        self._take(row)

    def use_timestamp(self, unix_timestamp: int) -> bool:
        with self._registry.table:
            self._read()
            is_newer = super().use_timestamp(unix_timestamp)
            self.write()
        return is_newer

    def allowance(self, unix_time: float) -> int:
        if not self._registry.table.is_entered:  # else whoever entered it has read the row
            with self._registry.table:
                self._read()
        return super().allowance(unix_time)

    def granted(self, unix_time: float) -> int:
        if not self._registry.table.is_entered:
            with self._registry.table:
                self._read()
        return super().granted(unix_time)

    def grant(self, amount_bytes: int, unix_time: float) -> int:
        with self._registry.table:
            self._read()
            total = super().grant(amount_bytes, unix_time)
            self.write()
        return total

    def spend(self, amount_bytes: int, unix_time: float) -> bool:
        # For each packet: it looks at no more of the row than it needs.
        table = self._registry.table
        with table:
            self._place = table.place_of_value(self.identity, self._place)
            if not self._place:
                self._read()
                self.write()
                self._place = table.place_of_value(self.identity, 0)
            at = self._place + _ALLOWANCE_OFFSET
            self.allowance_bytes, self.allowance_day = _ALLOWANCE.unpack_from(table.memory, at)
            is_spent = super().spend(amount_bytes, unix_time)
            _ALLOWANCE.pack_into(table.memory, at, self.allowance_bytes, self.allowance_day)
        return is_spent

    def write(self) -> None:
        """Let the others see this; inside the table."""
        row = _RECORD.pack(
            self.shared_key,
            self.last_timestamp,
            self.allowance_bytes,
            self.allowance_day,
            self.seat.worker,
            self.seat.number,
            self.granted_bytes,
        )
        self._registry.table.put(self.identity, row)

    def _read(self) -> None:
        row = self._registry.table.get(self.identity)
        if row is not None:
            self._take(row)

    def _take(self, row: bytes) -> None:
        self.shared_key, self.last_timestamp, self.allowance_bytes, self.allowance_day, *seat, self.granted_bytes = (
            _RECORD.unpack(row)
        )
        worker, number = seat
        self.seat = Seat(worker, number)


class SharedClientRegistry(ClientRegistry):
    """The registry that all workers of a gateway share; at least the newest half of `MAX_CLIENTS` is in it."""

    def __init__(self, table: SharedTable) -> None:
        super().__init__()
        self.table = table

    def __len__(self) -> int:
        with self.table:
            return len(self.table)

    def __iter__(self) -> Iterator[ClientRecord]:
        with self.table:
            found = [(key, self.table.get(key)) for key in self.table.keys()]  # noqa: SIM118 -- it is no mapping
        return iter([SharedClient(self, key, row) for key, row in found if row is not None])

    def __contains__(self, identity: bytes) -> bool:
        with self.table:
            return self.table.get(identity) is not None

    def get(self, identity: bytes) -> SharedClient | None:
        with self.table:
            row = self.table.get(identity)
            if row is None:
                return None
            client = SharedClient(self, identity, row)
            client.write()  # it is one of the newest now
            return client

    def register(self, identity: bytes, shared_key: bytes) -> ClientRecord:
        with self.table:
            client = self.get(identity) or SharedClient(self, identity, bytes(RECORD_LENGTH))
            client.shared_key = shared_key
            client.write()
            return client

    def restore(self, record: ClientRecord) -> None:
        with self.table:
            client = SharedClient(self, record.identity, bytes(RECORD_LENGTH))
            client.shared_key, client.last_timestamp = record.shared_key, record.last_timestamp
            client.allowance_bytes, client.allowance_day = record.allowance_bytes, record.allowance_day
            client.granted_bytes = record.granted_bytes
            client.write()

    def clear(self) -> None:
        with self.table:
            self.table.clear()

    # -- seats

    def seat_of(self, identity: bytes) -> Seat | None:
        """Where a client is; None for one that never registered."""
        with self.table:
            row = self.table.get(identity)
            return SharedClient(self, identity, row).seat if row is not None else None

    def take_seat(self, identity: bytes, worker: int) -> tuple[Seat, Seat]:
        """Note that a client is with this worker now; gives its seat of before, and the new one."""
        with self.table:
            client = self.get(identity)
            if client is None:
                return Seat(NOWHERE, 0), Seat(NOWHERE, 0)  # forgotten, between its authentication and now
            before = client.seat
            client.seat = Seat(worker, (before.number + 1) % (1 << 32))
            client.write()
            return before, client.seat

    def leave_seat(self, identity: bytes, seat: Seat) -> None:
        """Note that a client has left, unless it sits elsewhere already."""
        with self.table:
            row = self.table.get(identity)
            if row is None:
                return
            client = SharedClient(self, identity, row)
            if client.seat == seat:
                client.seat = Seat(NOWHERE, seat.number)
                client.write()
