"""Network namespaces that stand for machines on one network, each with addresses of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence


def missing() -> str | None:
    """Why there can be no machines here; None if there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces take root and the program ip"
    name = f"mix-{uuid.uuid4().hex[:8]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "network namespaces are not permitted"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


@contextlib.contextmanager
def machines(addresses: Mapping[str, Sequence[str]]) -> Iterator[dict[str, list[str]]]:
    """Machines with these IPv4 addresses, a switch between them; gives the command that runs another one on each."""
    suffix = uuid.uuid4().hex[:8]
    switch = f"mix-switch-{suffix}"
    names = {machine: f"mix-{machine}-{suffix}" for machine in addresses}
    made: list[str] = []
    try:
        for name in (switch, *names.values()):
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for number, (machine, own) in enumerate(addresses.items()):
            port = f"port{number}"
            _ip("link", "add", "wire", "netns", names[machine], "type", "veth", "peer", "name", port, "netns", switch)
            _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
            _ip("-n", names[machine], "link", "set", "wire", "up")
            for address in own:
                _ip("-n", names[machine], "addr", "add", f"{address}/8", "dev", "wire")
        yield {machine: ["ip", "netns", "exec", name] for machine, name in names.items()}
    finally:
        for name in made:
            _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
