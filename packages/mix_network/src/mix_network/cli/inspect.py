"""`mix-network inspect`: opens a captured forward request and prints what is inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import click

from mix_network.inspect import decode_keys, inspect_frame
from mix_protocol.errors import MixError


@click.command("inspect")
@click.option(
    "--keys",
    "keys_file",
    type=click.File("rb"),
    required=True,
    metavar="KEYS.json",
    help='JSON file of node names and X25519 secrets in hex: {"mix1": {"x": "…"}}.',
)
@click.argument("frame", type=click.File("rb"))
def inspect_command(keys_file: BinaryIO, frame: BinaryIO) -> None:
    """Open FRAME, a captured forward request, hop by hop and print it as JSON.

    FRAME holds a decrypted request as a client sends it to its entry gateway: packet type, key rotation, first hop and
    Sphinx packet. The node of each hop is the one whose key verifies the header's MAC.
    """
    from mix_protocol.crypto.native import NativeCrypto

    try:
        entry = inspect_frame(NativeCrypto(), decode_keys(keys_file.read()), frame.read())
    except MixError as error:
        raise click.ClickException(f"{error} ({error.code})") from None
    click.echo(json.dumps({"file": Path(frame.name).name, **entry}, indent=1))
