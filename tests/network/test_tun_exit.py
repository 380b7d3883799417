"""An exit that forwards through the kernel, judged by servers in another network namespace; skipped without root."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.namespaces import Namespaces, connected_namespaces, missing
from support.processes import BIN, ended, first_line, running, supporting
from support.tun_client import FAR_V4, FAR_V6, FILE
from support.waiting import PATIENCE_S

UP = [str(BIN / "mix-network"), "up", "--json", "--tun"]

PAGE = FILE[:20_000]


@pytest.fixture(scope="module")
def machines() -> Iterator[Namespaces]:
    why = missing()
    if why is not None:
        pytest.skip(why)
    with connected_namespaces() as machines:
        far = machines.at_far(*supporting("support.tun_client", "far"))
        with running(far) as process:
            first_line(process)
            yield machines
            process.kill()  # it has nothing to tidy up


@pytest.fixture(scope="module")
def conversations(machines: Namespaces) -> dict[str, Any]:
    """What happened between a client's stack, a forwarder and the far end."""
    command = machines.at_exit(*supporting("support.tun_client", "exit"))
    run = subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE_S)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("version", [4, 6])
def test_tcp_udp_and_ping_get_there_and_back(conversations: dict[str, Any], version: int):
    assert conversations[f"download {version}"]["intact"]
    assert conversations[f"upload {version}"]
    assert conversations[f"udp {version}"]
    assert conversations[f"ping {version}"]


@pytest.mark.parametrize("version", [4, 6])
def test_a_client_learns_what_the_network_says(conversations: dict[str, Any], version: int):
    assert conversations[f"closed tcp {version}"] == "tcp.connection_refused"
    assert conversations[f"closed udp {version}"] == "ip.unreachable port"
    router = {4: "10.0.0.1", 6: "fc00::1"}[version]
    assert conversations[f"trace {version}"] == [router, "time_exceeded", "True"]


def test_an_answer_in_fragments_arrives(conversations: dict[str, Any]):
    assert conversations["big answer"]


def test_names_and_loopback_stay_with_the_userspace_nat(conversations: dict[str, Any]):
    assert conversations["name"]
    assert conversations["loopback"]


def test_the_policy_holds_and_the_exits_own_machine_is_out_of_reach(conversations: dict[str, Any]):
    assert conversations["refused port"] == "ip.unreachable"
    assert conversations["refused address"] == "ip.unreachable"
    assert conversations["refused"] == [f"{FAR_V4}:25", "192.168.7.7:80"]
    assert conversations["the exit itself"] == "ip.unreachable"


def test_a_client_that_is_gone_leaves_nothing_for_the_next(conversations: dict[str, Any]):
    assert conversations["former client"] == {"before": True, "later": [1], "ping": True}
    assert conversations["tracked at the end"] == []


def test_without_its_device_it_refuses_and_goes_no_other_way(conversations: dict[str, Any]):
    assert conversations["without the device"] == ["ip.unreachable", "True"]


def fetch(machines: Namespaces, directory: str, url: str) -> bytes:
    mix = [str(BIN / "mix"), "fetch", "--directory", directory, url]
    return subprocess.run(machines.at_exit(*mix), capture_output=True, timeout=PATIENCE_S, check=True).stdout


@contextlib.contextmanager
def web_server(machines: Namespaces, folder: Any) -> Iterator[None]:
    (folder / "file").write_bytes(PAGE)
    serve = ["python3", "-m", "http.server", "8000", "--bind", "::", "--directory", str(folder)]
    with running(machines.at_far(*serve)) as process:
        wait = f"import socket, time\nwhile True:\n try: socket.create_connection(('{FAR_V4}', 8000)); break\n"
        wait += " except OSError: time.sleep(0.05)"
        subprocess.run(machines.at_far("python3", "-c", wait), check=True, timeout=PATIENCE_S)
        yield
        process.kill()


def test_mix_fetch_reaches_another_machine_and_nothing_is_left(machines: Namespaces, tmp_path: Any):
    before = machines.traces()
    with web_server(machines, tmp_path), running(machines.at_exit(*UP, "--exits", "2")) as process:
        directory = json.loads(first_line(process))["directory"]["http"]
        during = machines.traces()
        assert len(set(during["devices"].split()) - set(before["devices"].split())) == 2
        assert during["rules"].count("table inet mix_exit_") == 2
        for host in (FAR_V4, f"[{FAR_V6}]"):
            assert fetch(machines, directory, f"http://{host}:8000/file") == PAGE
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        assert process.errors == []
    assert machines.traces() == before


def test_the_next_start_cleans_up_after_a_killed_one(machines: Namespaces):
    before = machines.traces()
    with running(machines.at_exit(*UP)) as killed:
        first_line(killed)
        killed.kill()
        ended(killed)
    left = machines.traces()
    assert left["devices"] == before["devices"]
    assert left["rules"].count("table inet mix_exit_") == 1
    assert left["switches"] != before["switches"]
    with running(machines.at_exit(*UP)) as process:
        first_line(process)
        assert machines.traces()["rules"].count("table inet mix_exit_") == 1
    assert machines.traces() == before


def test_the_switches_stay_on_for_whoever_is_left(machines: Namespaces):
    before = machines.traces()
    with running(machines.at_exit(*UP)) as second:
        with running(machines.at_exit(*UP)) as first:
            first_line(second)
            first_line(first)
            during = machines.traces()
        assert machines.traces()["switches"] == during["switches"] != before["switches"]
    assert machines.traces() == before


def test_without_privilege_it_says_what_it_takes(machines: Namespaces):
    bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    run = subprocess.run(machines.at_exit(*bare, *UP), capture_output=True, text=True, timeout=PATIENCE_S)
    assert run.returncode == 1
    assert "it takes root, or the capability CAP_NET_ADMIN" in run.stderr
