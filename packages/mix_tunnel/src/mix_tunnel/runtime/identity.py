"""Whose keys a tunnel uses: fresh ones, or, with `storage_passphrase`, those of the last time.

An identity that cannot be used is never a dead end: the tunnel goes on with a fresh one and says so by a warning. What
another passphrase has sealed stays stored, and its passphrase finds it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from mix_protocol.errors import MixError, NetworkFailure
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform, StorageInUse, StorageUnavailable, StoredRecord
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.identity_record import (
    IdentitySeal,
    UnreadableIdentity,
    join_records,
    open_record,
    split_records,
)

_LOG = logging.getLogger(__name__)

STORAGE_TIMEOUT_S = 10.0


class IdentityNotKept(NetworkFailure):
    """The stored identity is not used, or this one will not be there next time.

    Field `reason`: `wrong_passphrase` (a fresh one is kept beside it), `unreadable` (a fresh one takes its place),
    `in_use` (by another tunnel), `no_storage` or `not_saved`.
    """

    code = "tunnel.identity_not_kept"
    message = "the tunnel uses an identity that is not kept"


_SENTENCES = {
    "wrong_passphrase": "{storage_passphrase} opens no identity stored under this {client_id}; a fresh one is used, "
    "and kept beside those that other passphrases open",
    "unreadable": "the stored identity is damaged or of another version; a fresh one takes its place",
    "in_use": "the stored identity is in use by another tunnel; this one uses a fresh one, which is not kept",
    "no_storage": "there is no storage for an identity here; the tunnel uses a fresh one, which is not kept",
    "not_saved": "the identity could not be saved; the next tunnel may have another one",
}


class Identity:
    """The keys of one tunnel, from `load` to `release`.

    keys -- fresh ones, until `load` has brought others
    on_warning -- called with what the owner should know
    """

    def __init__(self, options: TunnelOptions, platform: Platform, on_warning: Callable[[MixError], None]) -> None:
        self._platform = platform
        self._client_id = options.client_id
        self._passphrase = options.storage_passphrase
        self._on_warning = on_warning
        self._record: StoredRecord | None = None
        self._seal: IdentitySeal | None = None
        self._others: list[bytes] = []
        self._saved = b""
        self.keys = ClientKeys.draw(platform.random_bytes)

    async def load(self) -> None:
        """Take the stored keys, if they are to be kept and there are any."""
        if self._passphrase is None:
            return
        try:
            async with asyncio.timeout(STORAGE_TIMEOUT_S):
                self._record = await self._platform.open_record(f"client/{self._client_id}")
                stored = await self._record.read()
        except StorageInUse:
            self._warn("in_use")
        except (StorageUnavailable, TimeoutError):
            await self._close_record()
            self._warn("no_storage")
        else:
            self._adopt(stored, self._passphrase)

    async def save(self) -> None:
        """Store the keys, if they are to be kept and have changed; a failure is a warning."""
        if self._record is None or self._seal is None:
            return
        plaintext = self.keys.encode()
        if plaintext == self._saved:
            return
        crypto, random = self._platform.crypto(), self._platform.random_bytes
        try:
            async with asyncio.timeout(STORAGE_TIMEOUT_S):
                await self._record.write(join_records([self._seal.close(crypto, random, plaintext), *self._others]))
        except (StorageUnavailable, TimeoutError):
            self._warn("not_saved")
        self._saved = plaintext

    async def release(self) -> None:
        """Store the keys for the next tunnel, if they are to be kept; they are no longer used by this one."""
        await self.save()
        await self._close_record()

    def _adopt(self, stored: bytes | None, passphrase: str) -> None:
        crypto = self._platform.crypto()
        if stored is not None and not self._find(stored, passphrase):
            self._warn("wrong_passphrase" if self._others else "unreadable")
        self._seal = self._seal or IdentitySeal.new(crypto, self._platform.random_bytes, passphrase)

    def _find(self, stored: bytes, passphrase: str) -> bool:
        """Take the keys that the passphrase opens, and note what others may open."""
        is_found = False
        for record in split_records(stored):
            with contextlib.suppress(UnreadableIdentity):
                opened = None if is_found else open_record(self._platform.crypto(), passphrase, record)
                if opened is None:
                    self._others.append(record)
                elif (keys := ClientKeys.decode(opened[1])) is not None:
                    self._seal, self._saved = opened
                    self.keys.become(keys)
                    is_found = True
        return is_found

    async def _close_record(self) -> None:
        record, self._record = self._record, None
        if record is not None:
            await record.close()

    def _warn(self, reason: str) -> None:
        warning = IdentityNotKept(_SENTENCES[reason], reason=reason)
        _LOG.warning("%s", warning)
        self._on_warning(warning)
