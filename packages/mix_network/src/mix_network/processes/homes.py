"""Writes the homes of a local network's programs: with the configurations that people write, less the comments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mix_network.directory.options import CONFIGURATION_NAME as DIRECTORY_CONFIGURATION
from mix_network.node.options import CONFIGURATION_NAME as NODE_CONFIGURATION
from mix_network.options import NetworkOptions
from mix_network.rotation import DEFAULT_EPOCH_S
from mix_network.storage.home import Home

HOST = "127.0.0.1"
_POLICY_NAME = "exit-policy.txt"
_RECONNECT_S = 0.05
"""On one machine a node that was restarted is back at once, and nobody else is bothered by attempts to reach it."""
_LEAST_ROTATION_EPOCHS = 2


def write_directory_home(path: Path, options: NetworkOptions, http_port: int, mix_nodes: int) -> None:
    """A home for the directory. With another port of an earlier one it is the same directory. Raises `HomeUnusable`."""
    home = Home(path)
    home.create()
    _write(
        path / DIRECTORY_CONFIGURATION,
        {
            "listen": {"address": HOST, "http_port": http_port},
            "epochs": {
                "length_s": options.epoch_s or DEFAULT_EPOCH_S,
                "rotation": max(_LEAST_ROTATION_EPOCHS, options.rotation_epochs),
                "least_mix_nodes": mix_nodes,
            },
            "nodes": {"allow_local": True},
            "logs": {"level": "warning"},
        },
    )


def write_node_home(
    path: Path,
    name: str,
    role: str,
    options: NetworkOptions,
    directory_url: str,
    ports: Mapping[str, int],
    link: str = "none",
) -> None:
    """A home for a node. Raises `HomeUnusable`.

    role -- `mix`, `entry` or `exit`
    ports -- `mix_port`, `ws_port`, `http_port`; those that are missing are free ones
    link -- what its links are like, those to other nodes and those of its clients
    """
    home = Home(path)
    home.create()
    allow_local = options.allow_local if isinstance(options.allow_local, bool) else sorted(options.allow_local)
    exit_: dict[str, Any] = {"allow_local": allow_local}
    if options.exit_policy is not None:
        (path / _POLICY_NAME).write_text(options.exit_policy)
        exit_["policy_file"] = _POLICY_NAME
    listen = {key: ports.get(key, 0) for key in ("mix_port", "ws_port", "http_port")}
    _write(
        path / NODE_CONFIGURATION,
        {
            "": {"name": name, "roles": [role], "directories": [directory_url]},
            "listen": {"address": HOST, **listen},
            "announce": {"build_version": options.advertise_version, "noise": options.noise},
            **({"exit": exit_} if role == "exit" else {}),
            "gateway": {"require_bandwidth": options.require_bandwidth},
            "limits": {"cover_rate": float(options.node_cover), "reconnect_s": _RECONNECT_S},
            "rehearsal": {"link": link, "link_seed": options.link_seed},
            "logs": {"level": "warning"},
        },
    )


def _write(path: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    lines = []
    for section, values in sections.items():
        if section:
            lines.append(f"[{section}]")
        # What JSON writes of text, numbers, booleans and lists of them, TOML reads alike.
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    # At once, for a program may be reading it again.
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n")
    new.replace(path)
