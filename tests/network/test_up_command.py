"""`mix-network up` as a process, as people and programs start it."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.ports import reserved_ports
from support.processes import BIN, ended, first_line, running
from support.waiting import PATIENCE_S

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.topology.described import decode_described
from mix_protocol.topology.documents import decode_skimmed

UP = [str(BIN / "mix-network"), "up"]
BASE58 = r"[1-9A-HJ-NP-Za-km-z]+"
LINE = re.compile(
    r'\{"directory":\{"http":"http://127\.0\.0\.1:\d+/api","https":"https://127\.0\.0\.1:\d+/api"\},'
    rf'"entry_gateways":\[\{{"identity":"{BASE58}","ws":"ws://127\.0\.0\.1:\d+"\}}\],'
    rf'"exit_gateways":\[\{{"identity":"{BASE58}","ip_packet_router":"{BASE58}\.{BASE58}@{BASE58}"\}}\],'
    r'"link":"none","status":"http://127\.0\.0\.1:\d+/status/","name":"[a-z0-9-]+","control":"/[^"]+\.sock","pid":\d+\}\n'
)


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE_S, **options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_when_ready_and_a_clean_end(number: signal.Signals):
    with running([*UP, "--json"]) as process:
        line = first_line(process)
        assert LINE.fullmatch(line), line
        network = json.loads(line)
        # Everything that the line names answers at once.
        entry = network["entry_gateways"][0]
        host, _, port = entry["ws"].removeprefix("ws://").partition(":")
        socket.create_connection((host, int(port)), PATIENCE_S).close()
        skimmed = get(network["directory"]["http"] + "/v2/unstable/nym-nodes/skimmed/entry-gateways").content
        identities = {node.ed25519_identity_pubkey for node in decode_skimmed(skimmed).nodes.data}
        assert {entry["identity"], network["exit_gateways"][0]["identity"]} == identities
        router = Recipient.from_text(network["exit_gateways"][0]["ip_packet_router"])
        assert base58.encode(router.gateway) == network["exit_gateways"][0]["identity"]
        process.send_signal(number)
        assert ended(process) == 0
        assert process.stdout.read() == ""
        assert process.errors == []


def test_it_ends_with_the_program_that_started_it():
    process = subprocess.Popen([*UP, "--json", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout.read() == b""


def test_it_ends_in_time_although_clients_hold_on():
    with running([*UP, "--json"]) as process:
        network = json.loads(first_line(process))
        ports = [
            int(network["directory"]["http"].split(":")[2].split("/")[0]),
            int(network["directory"]["https"].split(":")[2].split("/")[0]),
            int(network["entry_gateways"][0]["ws"].split(":")[2]),
        ]
        held = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        client = httpx.Client(timeout=PATIENCE_S)
        client.get(network["directory"]["http"] + "/v1/epoch/current")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        # By itself the gateway gives up after ten seconds on who connects and begins no WebSocket.
        assert time.monotonic() - started < 9
        for connection in held:
            connection.close()
        client.close()


def test_chosen_ports_the_advertised_version_and_the_authority(tmp_path: Path):
    authority = tmp_path / "ca.pem"
    options = ["--http-port", "--https-port", "--entry-port"]
    with reserved_ports(3) as ports:
        arguments = [text for option, port in zip(options, ports, strict=True) for text in (option, str(port))]
        arguments += ["--advertise-version", "1.36.5", "--ca-out", str(authority), "--link", "delay=5ms  LOSS=1%"]
        with running([*UP, "--json", *arguments]) as process:
            network = json.loads(first_line(process))
            assert network["directory"] == {
                "http": f"http://127.0.0.1:{ports[0]}/api",
                "https": f"https://127.0.0.1:{ports[1]}/api",
            }
            assert network["entry_gateways"][0]["ws"] == f"ws://127.0.0.1:{ports[2]}"
            assert network["link"] == "delay=5ms loss=1%"
            url = network["directory"]["https"] + "/v2/nym-nodes/described"
            described = decode_described(get(url, verify=ssl.create_default_context(cafile=authority)).content)
            assert {node.description.build_information.build_version for node in described.data} == {"1.36.5"}
            with pytest.raises(httpx.ConnectError):
                get(url)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*UP, *arguments], capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--http-port", "--https-port", "--entry-port", "--exit-port"):
            done = run("--json", option, str(port))
            assert done.returncode == 1
            assert done.stdout == ""
            assert f"port {port}" in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "demo.test"], "NAME=IP"),
        (["--dns", "magic"], "magic"),
        (["--advertise-version", "new"], "1.37.0"),
        (["--http-port", "70000"], "70000"),
        (["--link", "latency=80ms"], "'--link': there is no 'latency' of a link; it has delay, jitter, loss, rate"),
        (["--allow-local", "80,http"], "--allow-local 3000,8080"),
        (["--allow-local", "70000"], "--allow-local 3000,8080"),
        (["--allow-local", "--allow-origin", "app.test"], "https://app.test"),
        (["--exit-policy", "/dev/null/nothing"], "exit-policy"),
        (["--pcap", "/nonexistent/file.pcap"], "/nonexistent/file.pcap"),
        (["--ca-out", "/nonexistent/ca.pem"], "/nonexistent/ca.pem"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments: list[str], told: str):
    done = run("--json", *arguments)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_addresses_are_printed_for_people():
    with running(UP) as process:
        assert "http://127.0.0.1:" in first_line(process)


def test_help_teaches_by_examples():
    done = run("--help")
    assert done.returncode == 0
    assert "mix-network up --allow-local --host demo.test=127.0.0.1" in done.stdout
    assert "mix-network up --allow-local 8000 --host demo.test=127.0.0.1" in done.stdout


@pytest.mark.parametrize("arguments", [["--allow-local"], ["--allow-local", "3000,8080"]])
def test_with_local_servers_in_reach_only_pages_of_this_machine_may_come(arguments: list[str]):
    with running([*UP, "--json", *arguments, "--allow-origin", "https://app.test"]) as process:
        directory = json.loads(first_line(process))["directory"]["http"]
        url = f"{directory}/v1/epoch/current"
        for origin in ("http://localhost:3000", "https://app.test"):
            assert get(url, headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
        assert get(url).status_code == 200
        assert get(url, headers={"Origin": "https://evil.example"}).status_code == 403
        assert get(url, headers={"Host": "evil.example"}).status_code == 403
