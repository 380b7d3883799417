"""Registration: client and gateway agree on a key and prove their identities (Nym spec: registration handshake).

Three messages. Client: `identity 32 | ephemeral x 32 | salt 16`. Gateway: `ephemeral y 32 | sealed signature of y|x
80 | nonce 12`. Client: `sealed signature of x|y 80 | nonce 12`. The key is HKDF-BLAKE3 of X25519(x, y) under the salt,
and signatures are sealed with it, so that only the two know who signed.
"""

from __future__ import annotations

from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.gateway.binary import NONCE_LENGTH, TAG_LENGTH
from mix_protocol.gateway.errors import InvalidClientSignature, InvalidGatewaySignature, MalformedFrame, UnexpectedFrame

SHARED_KEY_LENGTH = 32

_KEY = 32
_SALT = 16
_SEALED_SIGNATURE = 64 + TAG_LENGTH
_INIT = _KEY + _KEY + _SALT
_REPLY = _KEY + _SEALED_SIGNATURE + NONCE_LENGTH
_PROOF = _SEALED_SIGNATURE + NONCE_LENGTH


class ClientHandshake:
    """The client's side: `start`, then `finish` with the gateway's answer."""

    def __init__(
        self, crypto: CryptoProvider, random: RandomBytes, identity_seed: bytes, gateway_identity: bytes
    ) -> None:
        self._crypto = crypto
        self._random = random
        self._identity_seed = identity_seed
        self._gateway_identity = gateway_identity
        self._secret = random(_KEY)
        self._public = crypto.x25519_public(self._secret)
        self._salt = random(_SALT)

    def start(self) -> bytes:
        """The first message."""
        return self._crypto.ed25519_public(self._identity_seed) + self._public + self._salt

    def finish(self, reply: bytes) -> tuple[bytes, bytes]:
        """The third message and the shared key. Raises `InvalidGatewaySignature`, `MalformedFrame`, or
        `InvalidPublicKey` for a gateway key of low order."""
        crypto = self._crypto
        if len(reply) != _REPLY:
            raise MalformedFrame("the gateway's answer to the registration has a wrong length")
        theirs = reply[:_KEY]
        key = _shared_key(crypto, self._secret, theirs, self._salt)
        signature = _open_signature(crypto, key, reply[_KEY:])
        if signature is None or not crypto.ed25519_verify(self._gateway_identity, theirs + self._public, signature):
            raise InvalidGatewaySignature()
        ours = crypto.ed25519_sign(self._identity_seed, self._public + theirs)
        return _seal_signature(crypto, self._random, key, ours), key


class GatewayHandshake:
    """The gateway's side: `respond` to the client's first message, then `finish` with its second.

    client_identity -- whom the client claims to be; proven once `finish` has returned
    """

    def __init__(self, crypto: CryptoProvider, random: RandomBytes, identity_seed: bytes) -> None:
        self._crypto = crypto
        self._random = random
        self._identity_seed = identity_seed
        self._key = b""
        self._signed = b""
        self.client_identity = b""

    def respond(self, init: bytes) -> bytes:
        """The second message. Raises `MalformedFrame`, or `InvalidPublicKey` for a key of low order."""
        crypto = self._crypto
        if len(init) != _INIT:
            raise MalformedFrame("the client's first registration message has a wrong length")
        theirs, salt = init[_KEY : 2 * _KEY], init[2 * _KEY :]
        secret = self._random(_KEY)
        public = crypto.x25519_public(secret)
        self.client_identity = init[:_KEY]
        self._key = _shared_key(crypto, secret, theirs, salt)
        self._signed = theirs + public
        signature = crypto.ed25519_sign(self._identity_seed, public + theirs)
        return public + _seal_signature(crypto, self._random, self._key, signature)

    def finish(self, proof: bytes) -> bytes:
        """The shared key. Raises `InvalidClientSignature`, `MalformedFrame`, or `UnexpectedFrame` before `respond`."""
        if not self._key:
            raise UnexpectedFrame("the client proved its identity before it had named it")
        if len(proof) != _PROOF:
            raise MalformedFrame("the client's proof of identity has a wrong length")
        signature = _open_signature(self._crypto, self._key, proof)
        if signature is None or not self._crypto.ed25519_verify(self.client_identity, self._signed, signature):
            raise InvalidClientSignature()
        return self._key


def _shared_key(crypto: CryptoProvider, secret: bytes, public: bytes, salt: bytes) -> bytes:
    return crypto.hkdf_blake3(crypto.x25519(secret, public), salt, SHARED_KEY_LENGTH)


def _seal_signature(crypto: CryptoProvider, random: RandomBytes, key: bytes, signature: bytes) -> bytes:
    nonce = random(NONCE_LENGTH)
    return crypto.aes256_gcm_siv_seal(key, nonce, signature) + nonce


def _open_signature(crypto: CryptoProvider, key: bytes, sealed: bytes) -> bytes | None:
    try:
        return crypto.aes256_gcm_siv_open(key, sealed[_SEALED_SIGNATURE:], sealed[:_SEALED_SIGNATURE])
    except AuthenticationFailed:
        return None
