"""What the kernel has to be told for a TUN device to lead anywhere, and how all of that is taken back.

Three things: addresses on the device, which go with it; a table of nftables, whose name carries its owner; and the
switches that make a machine forward, which all owners share. Owners are files that a process holds locked, so a file
that nobody holds is of a process that ended without taking its things back, and whoever comes next does it. The values
that the switches had stand in a file before they are changed, and the last owner puts them back.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from mix_network.exit.special_addresses import GLOBAL_UNICAST, IpNetwork, routable_exceptions, special_networks
from mix_network.exit.tun.device import DEVICE_NAMES
from mix_network.exit.tun.errors import TunUnavailable
from mix_network.exit.tun.renumbering import choose_networks
from mix_protocol.crypto.randomness import RandomBytes

STATE_FOLDER = Path("/run/mix-network")
_SYSCTLS = Path("/proc/sys/net")
_TABLE = "mix_exit_"
_OWNER_BYTES = 4
_LOCK = "lock"
_TIMEOUT_S = 10.0
_SO_NETNS_COOKIE = 71
_SWITCHES = {"ipv4": _SYSCTLS / "ipv4/ip_forward", "ipv6": _SYSCTLS / "ipv6/conf/all/forwarding"}

Networks = tuple[IPv4Network, IPv6Network]


class KernelForwarding:
    """The kernel's part of one exit: from `start` to `close` what comes out of its device is forwarded.

    networks -- what stands for the clients' addresses; the first address of each is the kernel's own
    has_ipv6 -- whether the kernel has IPv6
    """

    def __init__(self, state: ForwardingState, networks: Networks, owner: str, *, has_ipv6: bool) -> None:
        self._state = state
        self._owner = owner
        self.networks = networks
        self.has_ipv6 = has_ipv6

    @classmethod
    def start(cls, state: ForwardingState, device: str, mtu_bytes: int, random: RandomBytes) -> KernelForwarding:
        """Have the kernel forward what comes out of a device. Raises TunUnavailable."""
        with state.locked():
            networks = choose_networks(networks_in_use(), random)
            if networks is None:
                raise TunUnavailable(reason="every network that could stand for the clients' has a route already")
            forwarding = cls(state, networks, state.add_owner(), has_ipv6=(_SYSCTLS / "ipv6").is_dir())
            try:
                families = state.switch_on()
                _run(["ip", "-batch", "-"], _addresses(device, networks, mtu_bytes, forwarding.has_ipv6))
                _run(["nft", "-f", "-"], nft_rules(forwarding._owner, device, networks, families))
            except OSError as error:
                state.remove_owner(forwarding._owner)
                raise TunUnavailable(reason=os.strerror(error.errno or 0)) from None
            except BaseException:
                state.remove_owner(forwarding._owner)
                raise
        return forwarding

    def close(self) -> None:
        """Take everything back; the device itself is its owner's to close. Raises TunUnavailable."""
        with self._state.locked():
            self._state.remove_owner(self._owner)


class ForwardingState:
    """The owners in this network namespace, and what the switches were before the first one came.

    Use `locked` around everything that looks at others. Raises TunUnavailable where the folder can't be written.
    """

    def __init__(self, folder: Path = STATE_FOLDER) -> None:
        for program, package in (("ip", "iproute2"), ("nft", "nftables")):
            if shutil.which(program) is None:
                raise TunUnavailable(reason=f"the program {program} is missing; Debian's package {package} has it")
        self._folder = folder / f"tun-{_namespace()}"
        self._saved = self._folder / "switches.json"
        self._held: dict[str, int] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing anything; whoever enters cleans up after the dead first, and after the
        last owner nothing is left."""
        try:
            descriptor = self._lock()
        except OSError as error:
            raise TunUnavailable(reason=f"{self._folder} can't be used: {os.strerror(error.errno or 0)}") from None
        try:
            self._clean_up()
            yield
        finally:
            if not any(self._folder.glob("*.*")):
                (self._folder / _LOCK).unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # somebody else has come just now
                    self._folder.rmdir()
            os.close(descriptor)

    def _lock(self) -> int:
        while True:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # the last owner has just removed the folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), (self._folder / _LOCK).stat()):
                    return descriptor
            os.close(descriptor)  # of a file that has been removed, so it keeps nobody else out

    def add_owner(self) -> str:
        """Become an owner; gives its name. Call it while `locked`, as all below."""
        name = os.urandom(_OWNER_BYTES).hex()
        path = self._folder / f"{name}.owner"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held[name] = descriptor
        return name

    def remove_owner(self, name: str) -> None:
        """Stop being one: its rules go, and with the last owner the switches go back."""
        descriptor = self._held.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
            self._clean_up()

    def switch_on(self) -> list[str]:
        """Make this machine forward; gives for which families it did not before the first owner came."""
        if not self._saved.exists():
            before = {str(path): path.read_text().strip() for path in _shared_switches() if path.exists()}
            if "0" in (before.get(str(path)) for path in _SWITCHES.values()):
                _write_whole(self._saved, json.dumps(before))
            else:
                return []
        before = json.loads(self._saved.read_text())
        families = [family for family, path in _SWITCHES.items() if before.get(str(path)) == "0"]
        # A machine that forwards hears no router advertisements (RFC 4861 section 6.2.7), unless told to by a 2: it
        # would lose its own way out.
        for path in sorted(_SYSCTLS.glob("ipv6/conf/*/accept_ra")) if "ipv6" in families else ():
            if path.read_text().strip() == "1":
                path.write_text("2")
        for family in families:
            _SWITCHES[family].write_text("1")
        return families

    def _clean_up(self) -> None:
        """Take back what those left who have ended without doing so."""
        living = False
        for path in self._folder.glob("*.owner"):
            name = path.stem
            if name in self._held or _is_held(path):
                living = True
                continue
            table = f"table inet {_TABLE}{name}"
            # Declaring it first makes it no error if the table is not there.
            _run(["nft", "-f", "-"], f"{table}\ndelete {table}\n")
            path.unlink(missing_ok=True)
        if not living:
            self._switch_back()

    def _switch_back(self) -> None:
        if not self._saved.exists():
            return
        before: dict[str, str] = json.loads(self._saved.read_text())
        # In this order, for the switches of all interfaces set those of each.
        for path in map(Path, before):
            with contextlib.suppress(FileNotFoundError):  # an interface that is gone
                if path.read_text().strip() != before[str(path)]:
                    path.write_text(before[str(path)])
        self._saved.unlink()


def networks_in_use() -> list[IpNetwork]:
    """The networks that this machine has routes to, local addresses among them. Raises TunUnavailable."""
    found = []
    for line in _run(["ip", "-o", "route", "show", "table", "all"]).splitlines():
        for word in line.split()[:2]:
            with contextlib.suppress(ValueError):
                found.append(ip_network(word))
                break
    return found


def nft_rules(owner: str, device: str, networks: Networks, families: list[str]) -> str:
    """The rules of one exit as nft reads them: the fixed part of the exit policy, and masquerade.

    families -- those of which nobody else wanted this machine to forward, so that it must not start to for others
    """
    ipv4, ipv6 = networks
    special = {version: ", ".join(map(str, special_networks(version))) for version in (4, 6)}
    exceptions = {version: ", ".join(map(str, routable_exceptions(version))) for version in (4, 6)}
    ours = f'iifname != "{DEVICE_NAMES}*" oifname != "{DEVICE_NAMES}*"'
    others = "\n        ".join(f"meta nfproto {family} {ours} drop" for family in families)
    return f"""
table inet {_TABLE}{owner} {{
    chain outward {{
        ct state invalid drop
        oifname "{DEVICE_NAMES}*" drop
        meta nfproto ipv4 ip saddr != {ipv4} drop
        meta nfproto ipv6 ip6 saddr != {ipv6} drop
        ip daddr {{ {exceptions[4]} }} accept
        ip6 daddr {{ {exceptions[6]} }} accept
        ip daddr {{ {special[4]} }} reject with icmpx admin-prohibited
        ip6 daddr {{ {special[6]} }} reject with icmpx admin-prohibited
        meta nfproto ipv6 ip6 daddr != {GLOBAL_UNICAST} reject with icmpx admin-prohibited
        accept
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "{device}" goto outward
        oifname "{device}" ct state established,related accept
        oifname "{device}" drop
        {others}
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname "{device}" reject with icmpx admin-prohibited
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {ipv4} masquerade fully-random
        ip6 saddr {ipv6} masquerade fully-random
    }}
}}
"""


def _addresses(device: str, networks: Networks, mtu: int, has_ipv6: bool) -> str:
    ipv4, ipv6 = networks
    lines = [f"link set {device} mtu {mtu} addrgenmode none", f"addr add {ipv4[1]}/{ipv4.prefixlen} dev {device}"]
    if has_ipv6:
        lines.append(f"addr add {ipv6[1]}/{ipv6.prefixlen} dev {device} nodad")
    lines.append(f"link set {device} up")
    return "\n".join(lines) + "\n"


def _shared_switches() -> list[Path]:
    """Everything that changes when the two switches do, these first."""
    return [
        *_SWITCHES.values(),
        _SYSCTLS / "ipv4/conf/all/accept_redirects",
        *sorted(_SYSCTLS.glob("ipv*/conf/*/forwarding")),
        *sorted(_SYSCTLS.glob("ipv6/conf/*/accept_ra")),
    ]


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return True
    finally:
        os.close(descriptor)
    return False


def _namespace() -> str:
    """Which network namespace this is; no other one has the same name until the machine starts anew."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            cookie = any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
        except OSError:  # before Linux 5.14
            return f"inode-{Path('/proc/self/ns/net').stat().st_ino}"
    return str(int.from_bytes(cookie, "little"))


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all, even after a crash."""
    partial = path.with_suffix(".new")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _run(command: list[str], text: str = "") -> str:
    """Run one of the system's programs. Raises TunUnavailable with what it says."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TunUnavailable(reason=f"{command[0]}: {type(error).__name__}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise TunUnavailable(reason=f"{command[0]}: {said}")
    return done.stdout
