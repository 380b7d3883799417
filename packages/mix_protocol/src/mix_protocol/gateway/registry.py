"""What a gateway remembers of its clients from one connection to the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

FREE_ALLOWANCE_BYTES = 64 << 30
"""What one claim adds: 64 GiB, usable until the UTC day ends."""

MAX_ALLOWANCE_BYTES = (1 << 63) - 1

_DAY_S = 24 * 3600


@dataclass(slots=True)
class ClientRecord:
    """A registered client.

    identity -- Ed25519 public key, 32 bytes
    shared_key -- agreed at the last registration, 32 bytes
    last_timestamp -- Unix time of the newest authentication request; older ones are replays
    allowance_bytes -- what is left of the day's allowance; ask `allowance`, which knows when it expires
    allowance_day -- the day, counted since 1970, that the allowance belongs to
    granted_bytes -- what has been added to it on that day; ask `granted`
    """

    identity: bytes = field(repr=False)
    shared_key: bytes = field(repr=False)
    last_timestamp: int = 0
    allowance_bytes: int = 0
    allowance_day: int = 0
    granted_bytes: int = 0

    def use_timestamp(self, unix_timestamp: int) -> bool:
        """Whether this authentication request is newer than every one before it."""
        if unix_timestamp <= self.last_timestamp:
            return False
        self.last_timestamp = unix_timestamp
        return True

    def allowance(self, unix_time: float) -> int:
        """Bytes that may still be sent today."""
        return self.allowance_bytes if self.allowance_day == int(unix_time // _DAY_S) else 0

    def granted(self, unix_time: float) -> int:
        """Bytes that have been added to today's allowance."""
        return self.granted_bytes if self.allowance_day == int(unix_time // _DAY_S) else 0

    def grant(self, amount_bytes: int, unix_time: float) -> int:
        """Add to today's allowance; give what there is now."""
        self.granted_bytes = min(self.granted(unix_time) + amount_bytes, MAX_ALLOWANCE_BYTES)
        self.allowance_bytes = min(self.allowance(unix_time) + amount_bytes, MAX_ALLOWANCE_BYTES)
        self.allowance_day = int(unix_time // _DAY_S)
        return self.allowance_bytes

    def spend(self, amount_bytes: int, unix_time: float) -> bool:
        """Take from today's allowance; False, and nothing is taken, if it does not suffice."""
        left = self.allowance(unix_time) - amount_bytes
        if left < 0:
            return False
        self.allowance_bytes = left
        return True


class ClientRegistry:
    """Records by identity. When it is full, the client that was here longest ago must register again.

    max_clients -- how many records are kept
    """

    def __init__(self, max_clients: int = 100_000) -> None:
        self._max_clients = max_clients
        self._records: OrderedDict[bytes, ClientRecord] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[ClientRecord]:
        return iter(self._records.values())

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._records

    def get(self, identity: bytes) -> ClientRecord | None:
        """The record of a client that shows itself now."""
        record = self._records.get(identity)
        if record is not None:
            self._records.move_to_end(identity)
        return record

    def register(self, identity: bytes, shared_key: bytes) -> ClientRecord:
        """Remember a client's new key. What it had before, allowance and last timestamp, stays."""
        record = self.get(identity)
        if record is not None:
            record.shared_key = shared_key
            return record
        record = ClientRecord(identity, shared_key)
        self.restore(record)
        return record

    def restore(self, record: ClientRecord) -> None:
        """Take a record as it is, from storage."""
        self._records[record.identity] = record
        self._records.move_to_end(record.identity)
        while len(self._records) > self._max_clients:
            identity, _ = self._records.popitem(last=False)
            self.forgotten(identity)

    def forgotten(self, identity: bytes) -> None:
        """A client had to go; for registries that keep records elsewhere, too."""

    def clear(self) -> None:
        """Forget every client."""
        self._records.clear()
