"""A directory program that lists honest nodes under keys of its own, and takes nobody else's word for it.

python lying_directory.py directory run --home DIR --json
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from mix_network.cli import main
from mix_network.directory import documents
from mix_network.directory.signing import SnapshotSigning
from mix_protocol.codec import base58
from mix_protocol.topology.signed_snapshot import SnapshotTrust

OWN_KEY = base58.encode(os.urandom(32))
honest_row = documents.skimmed_row


def lying_row(*arguments: Any) -> Any:
    return replace(honest_row(*arguments), x25519_sphinx_pubkey=OWN_KEY)


async def takes_nothing(*_: Any) -> bool:
    return False


documents.skimmed_row = lying_row
SnapshotSigning._take = takes_nothing  # type: ignore[method-assign]
SnapshotSigning._trust = lambda signing: SnapshotTrust(signing._everybody, 1)  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
