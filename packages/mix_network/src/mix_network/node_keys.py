"""The keys of nodes and of the services inside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes

SERVICE_SECRET_LENGTH = 80


@dataclass(frozen=True)
class IdentityKeys:
    """An Ed25519 identity."""

    seed: bytes = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls, crypto: CryptoProvider, random: RandomBytes) -> IdentityKeys:
        return cls.from_seed(crypto, random(32))

    @classmethod
    def from_seed(cls, crypto: CryptoProvider, seed: bytes) -> IdentityKeys:
        """The identity of a kept seed."""
        return cls(seed, crypto.ed25519_public(seed))


@dataclass(frozen=True)
class SphinxKeyPair:
    """The X25519 key that opens a node's packets during one rotation."""

    rotation_id: int
    secret: bytes = field(repr=False)
    public: bytes


class HeldKeys:
    """A node's Sphinx keys as packet processing asks for them; somebody else makes and destroys them."""

    def __init__(self, pairs: Iterable[SphinxKeyPair] = ()) -> None:
        self._pairs: dict[int, SphinxKeyPair] = {}
        self.hold(pairs)

    def hold(self, pairs: Iterable[SphinxKeyPair]) -> None:
        """Hold these keys, most likely first, and no others."""
        self._pairs = {pair.rotation_id: pair for pair in pairs}

    def update(self, wall_s: float) -> None:
        """Make the keys that this moment needs and forget the others, where that is this keyring's task."""

    @property
    def pairs(self) -> tuple[SphinxKeyPair, ...]:
        """All of them, most likely first."""
        return tuple(self._pairs.values())

    def candidates(self, key_rotation: KeyRotation) -> tuple[SphinxKeyPair, ...]:
        """The keys that a packet marked so may have been made for, most likely first; empty if none is held."""
        if key_rotation is KeyRotation.UNKNOWN:
            return self.pairs
        return tuple(
            pair for pair in self._pairs.values() if KeyRotation.from_rotation_id(pair.rotation_id) is key_rotation
        )

    @property
    def rotation_ids(self) -> tuple[int, ...]:
        """The rotations whose keys are held."""
        return tuple(self._pairs)


class KeyStore(Protocol):
    """Where Sphinx keys outlive the process."""

    def load(self) -> Iterable[SphinxKeyPair]:
        """All that are kept."""
        ...

    def keep(self, pair: SphinxKeyPair) -> None:
        """Keep a new one; it is safe when this returns."""
        ...

    def destroy_others(self, rotation_ids: Collection[int]) -> None:
        """Destroy all keys but these."""
        ...


class SphinxKeyring(HeldKeys):
    """A node's Sphinx keys: the one in force, and the neighbouring one around a rotation's boundary.

    The directory asks for public keys, packet processing for candidates; `update` moves on with the epochs and
    destroys what is over.

    store -- where they are kept for the next run; None keeps them in memory alone
    on_change -- called when there are others than before
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        schedule: RotationSchedule,
        wall_s: float,
        store: KeyStore | None = None,
    ) -> None:
        super().__init__(store.load() if store is not None else ())
        self._store = store
        self._crypto = crypto
        self._random = random
        self._schedule = schedule
        self.on_change: Callable[[], None] = lambda: None
        self.update(wall_s)

    def update(self, wall_s: float) -> None:
        """Make the keys that this moment needs and forget the others."""
        epoch = self._schedule.epoch_at(wall_s)
        accepted = self._schedule.accepted_rotations(epoch)
        current = accepted[0]
        pairs = {current: self._pairs.get(current) or self._generate(current)}
        for rotation_id in accepted[1:]:
            # A node that starts just after a boundary never had the previous key: there is nothing to honour.
            known = self._pairs.get(rotation_id)
            if known is not None:
                pairs[rotation_id] = known
            elif rotation_id > current:
                pairs[rotation_id] = self._generate(rotation_id)
        is_changed = list(pairs) != list(self._pairs)
        self._pairs = pairs
        self._current_id = current
        if is_changed:
            if self._store is not None:
                self._store.destroy_others(self.rotation_ids)
            self.on_change()

    @property
    def current(self) -> SphinxKeyPair:
        """The key in force."""
        return self._pairs[self._current_id]

    @property
    def pre_announced(self) -> SphinxKeyPair | None:
        """The next rotation's key, known during the last epoch of this one."""
        return self._pairs.get(self._current_id + 1)

    def _generate(self, rotation_id: int) -> SphinxKeyPair:
        secret = self._random(32)
        pair = SphinxKeyPair(rotation_id, secret, self._crypto.x25519_public(secret))
        if self._store is not None:
            self._store.keep(pair)
        return pair


@dataclass(frozen=True)
class NoiseKeys:
    """The static X25519 key of a node's encrypted links with others."""

    secret: bytes = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls, crypto: CryptoProvider, random: RandomBytes) -> NoiseKeys:
        return cls.of(crypto, random(32))

    @classmethod
    def of(cls, crypto: CryptoProvider, secret: bytes) -> NoiseKeys:
        """With the public key that belongs to a secret."""
        return cls(secret, crypto.x25519_public(secret))


@dataclass(frozen=True)
class ServiceKeys:
    """The keys of a service inside a gateway, which is a client of that gateway: identity, encryption, acks."""

    identity: IdentityKeys
    encryption_secret: bytes = field(repr=False)
    encryption_public: bytes
    ack_key: bytes = field(repr=False)

    @classmethod
    def generate(cls, crypto: CryptoProvider, random: RandomBytes) -> ServiceKeys:
        return cls.from_secret(crypto, random(SERVICE_SECRET_LENGTH))

    @classmethod
    def from_secret(cls, crypto: CryptoProvider, secret: bytes) -> ServiceKeys:
        """The keys of a kept secret: 32 bytes of encryption, 32 of identity, 16 of acknowledgements."""
        encryption, identity, ack = secret[:32], secret[32:64], secret[64:SERVICE_SECRET_LENGTH]
        return cls(IdentityKeys.from_seed(crypto, identity), encryption, crypto.x25519_public(encryption), ack)

    def recipient(self, gateway_identity: bytes) -> Recipient:
        """The service's address, behind its gateway."""
        return Recipient(self.identity.public, self.encryption_public, gateway_identity)
