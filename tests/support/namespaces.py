"""Two network namespaces with a cable between them: an exit's machine and one of the Internet."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import machines
from support.tun_client import EXIT_V4, EXIT_V6, FAR_V4, FAR_V6

_WATCHED = (
    "find /proc/sys/net/ipv4 /proc/sys/net/ipv6 -name '*forwarding' -o -name ip_forward -o -name 'accept_*' | "
    "grep -v /conf/mix | sort | xargs grep -H ''"
)


def missing() -> str | None:
    """Why there can be no namespaces with TUN devices here; None if there can."""
    if (reason := machines.missing()) is not None:
        return reason
    if shutil.which("nft") is None:
        return "the program nft is needed"
    return None if Path("/dev/net/tun").exists() else "the kernel has no /dev/net/tun"


@dataclass(frozen=True)
class Namespaces:
    """The names of both."""

    exit: str
    far: str

    def at_exit(self, *command: str) -> list[str]:
        """A command on the exit's machine."""
        return ["ip", "netns", "exec", self.exit, *command]

    def at_far(self, *command: str) -> list[str]:
        """A command on the other machine."""
        return ["ip", "netns", "exec", self.far, *command]

    def traces(self) -> dict[str, str]:
        """Everything of the exit's machine that a TUN device's owner may have changed."""
        commands = {
            "devices": "ip -o link | cut -d: -f2",
            "addresses": "ip -o addr | sed 's/valid_lft.*//'",
            "routes": "ip route show table all; ip -6 route show table all",
            "rules": "nft list ruleset",
            "switches": _WATCHED,
        }
        return {what: self._output(command) for what, command in commands.items()}

    def _output(self, command: str) -> str:
        return subprocess.run(self.at_exit("sh", "-c", command), capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def connected_namespaces() -> Iterator[Namespaces]:
    """Make both, and remove them."""
    suffix = uuid.uuid4().hex[:8]
    both = Namespaces(f"mix-exit-{suffix}", f"mix-far-{suffix}")
    made = []
    try:
        for name in (both.exit, both.far):
            _ip("netns", "add", name)
            made.append(name)
        _ip("link", "add", "wire", "netns", both.exit, "type", "veth", "peer", "name", "wire", "netns", both.far)
        for name, ipv4, ipv6 in ((both.exit, EXIT_V4, EXIT_V6), (both.far, FAR_V4, FAR_V6)):
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "wire", "addrgenmode", "none", "up")
            _ip("-n", name, "addr", "add", f"{ipv4}/24", "dev", "wire")
            _ip("-n", name, "addr", "add", f"{ipv6}/64", "dev", "wire", "nodad")
        yield both
    finally:
        for name in made:
            _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
