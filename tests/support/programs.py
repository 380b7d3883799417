"""A network of processes: a directory and nodes, each started, killed and started again like any program."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from mix_protocol.codec import base58
from mix_protocol.topology.described import decode_described
from mix_protocol.topology.semi_skimmed import decode_semi_skimmed
from support.ports import reserved_ports
from support.processes import BIN, ended, first_line, running
from support.waiting import PATIENCE_S, until

PROGRAM = str(BIN / "mix-network")
HOST = "127.0.0.1"


class ProgramNetwork:
    """Homes in one folder, a process for each."""

    def __init__(
        self, folder: Path, stack: ExitStack, roles: dict[str, tuple[str, ...]], others: dict[str, list[str]]
    ) -> None:
        self.folder = folder
        self.roles = roles
        self._others = others
        self._stack = stack
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._starts: dict[str, ExitStack] = {}
        ports = iter(stack.enter_context(reserved_ports(1 + len(others) + 3 * len(roles))))
        self.directory_port = next(ports)
        self._other_ports = {name: next(ports) for name in others}
        self._ports = {name: [next(ports) for _ in range(3)] for name in roles}
        self.ready: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self._http = stack.enter_context(httpx.Client(timeout=PATIENCE_S, trust_env=False))

    @property
    def directory_url(self) -> str:
        return f"http://{HOST}:{self.directory_port}/api"

    def url_of(self, other: str) -> str:
        """Of another directory than the first."""
        return f"http://{HOST}:{self._other_ports[other]}/api"

    def initialise(self, *, epoch_s: int, rotation: int = 24, replace: dict[str, str] | None = None) -> None:
        """Write every home's configuration."""
        mixes = sum(roles == ("mix",) for roles in self.roles.values())
        directories = {"directory": self.directory_port, **self._other_ports}
        for name, port in directories.items():
            arguments = ["--http-port", str(port), "--epoch", str(epoch_s), "--least-mix-nodes", str(mixes)]
            told = self._init("directory", name, *arguments)
            self.keys[name] = told.split()[-1]
        for name in directories:
            path = self.folder / name / "directory.toml"
            text = re.sub(r"# (rotation =) \d+", rf"\1 {rotation}", path.read_text())
            others = [
                f"{self.keys[other]}@http://{HOST}:{port}/api" for other, port in directories.items() if other != name
            ]
            text = re.sub(r"# (peers =) .*", rf"\1 {json.dumps(others)}", text)
            interval_s = 2 if name == "directory" else 30
            path.write_text(text.replace("# interval_s = 60", f"interval_s = {interval_s}"))
        for name, roles in self.roles.items():
            mix_port, ws_port, http_port = map(str, self._ports[name])
            self._init(
                "node",
                name,
                *(argument for role in roles for argument in ("--role", role)),
                *("--name", name, "--directory", self.directory_url),
                *("--mix-port", mix_port, "--ws-port", ws_port, "--http-port", http_port),
            )
            path = self.folder / name / "node.toml"
            text = path.read_text()
            for old, new in {"# reconnect_s = 1.0": "reconnect_s = 0.02", **(replace or {})}.items():
                text = text.replace(old, new)
            path.write_text(text)

    def start(self, *names: str) -> None:
        """Start programs side by side; returns when all of them work."""
        for name in names:
            kind = "node" if name in self.roles else "directory"
            run = self._starts[name] = ExitStack()
            self._stack.enter_context(run)
            command = [*self._others.get(name, [PROGRAM]), kind, "run", "--home", str(self.folder / name), "--json"]
            self._processes[name] = run.enter_context(running(command))
        for name in names:
            self.ready[name] = json.loads(first_line(self._processes[name]))

    def start_all(self) -> None:
        self.start("directory", *self._others)
        self.start(*self.roles)

    def stop(self, name: str) -> list[str]:
        """End a program as a service manager does; gives what it has logged."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0, process.errors
        self._starts.pop(name).close()
        return process.errors

    def kill(self, name: str) -> None:
        """End a program so that it notices nothing."""
        process = self._processes.pop(name)
        process.kill()
        ended(process)
        self._starts.pop(name).close()

    def signal(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    def logged(self, name: str) -> str:
        return "".join(self._processes[name].errors)

    def get(self, path: str) -> httpx.Response:
        """Ask the directory."""
        return self._http.get(f"{self.directory_url}/{path}")

    async def complete(self) -> None:
        """Wait until the directory has drawn, with every node in it, and all nodes know it."""
        mixes = sum(roles == ("mix",) for roles in self.roles.values())

        def is_drawn() -> bool:
            rewarded = self.get("v1/nym-nodes/rewarded-set").json()
            listed = self.get("v2/unstable/nym-nodes/skimmed").json()["nodes"]["data"]
            layers = [rewarded[f"layer{number}"] for number in (1, 2, 3)]
            probers = 1 + len(self._others)
            return all(layers) and sum(map(len, layers)) == mixes and len(listed) == len(self.roles) + probers

        await until(is_drawn)
        for name in self.roles:
            await until(lambda name=name: self.metric(name, "loops_returned_total") > 0)

    def metric(self, node: str, name: str, **labels: str) -> float:
        """A counter of a node."""
        port = self.ready[node]["http_port"]
        text = self._http.get(f"http://{HOST}:{port}/api/v1/metrics/prometheus").text
        tags = "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else ""
        found = re.search(rf"^mix_node_{re.escape(name + tags)} ([0-9.e+]+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def noise_key(self, node: str) -> bytes:
        """What a node announces for encrypted links."""
        for each in decode_semi_skimmed(self.get("v2/unstable/nym-nodes/semi-skimmed").content).nodes.data:
            if each.basic.ed25519_identity_pubkey == self.ready[node]["identity"]:
                assert each.x25519_noise_versioned_key is not None
                return base58.decode(each.x25519_noise_versioned_key.x25519_pubkey)
        raise AssertionError(f"the directory does not list {node}")

    def performance(self) -> dict[str, float]:
        """What the directory tells of the nodes, by name."""
        listed = self.get("v2/unstable/nym-nodes/skimmed").json()["nodes"]["data"]
        by_identity = {node["ed25519_identity_pubkey"]: float(node["performance"]) for node in listed}
        return {name: by_identity[self.ready[name]["identity"]] for name in self.roles}

    def description(self, entry: str = "entry", exit_name: str = "exit") -> dict[str, Any]:
        """What clients of these tests want to know, in the shape of `mix-network up --json`."""
        described = decode_described(self.get("v2/nym-nodes/described").content).data
        identity = self.ready[exit_name]["identity"]
        router = next(
            node.description.ip_packet_router.address
            for node in described
            if node.description.host_information.keys.ed25519 == identity and node.description.ip_packet_router
        )
        gateway = self.ready[entry]
        return {
            "directory": {"http": self.directory_url},
            "entry_gateways": [{"identity": gateway["identity"], "ws": f"ws://{HOST}:{gateway['ws_port']}"}],
            "exit_gateways": [{"identity": identity, "ip_packet_router": router}],
        }

    def _init(self, kind: str, name: str, *arguments: str) -> str:
        home = str(self.folder / name)
        command = [PROGRAM, kind, "init", "--home", home, "--listen", HOST, "--allow-local", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def program_network(
    folder: Path, roles: dict[str, tuple[str, ...]], others: dict[str, list[str]] | None = None, **options: Any
) -> Iterator[ProgramNetwork]:
    """A network of processes that is started and will be complete soon.

    others -- further directories by name, each with the command that it is run by
    """
    with ExitStack() as stack:
        network = ProgramNetwork(folder, stack, roles, others or {})
        network.initialise(**options)
        network.start_all()
        yield network
