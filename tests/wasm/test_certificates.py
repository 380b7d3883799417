"""TLS in Pyodide judges certificates as OpenSSL does natively: 24 cases with TLS 1.2 and 1.3, native servers."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .certificate_cases import OK, Case, make_authority, make_cases

ROOT = Path(__file__).parents[2]
VERSIONS = ("TLSv1_2", "TLSv1_3")
CASES: list[tuple[Case, str]] = [(case, version) for case in make_cases() for version in VERSIONS]
IDS = [f"{case.name}, {version}" for case, version in CASES]


def make_contexts(folder: Path) -> list[ssl.SSLContext]:
    """The server's side of every case."""
    contexts = []
    for case, version in CASES:
        file = folder / "server.pem"
        file.write_text(case.server)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        context.load_cert_chain(file)
        contexts.append(context)
    return contexts


def serve_one(connection: socket.socket, contexts: list[ssl.SSLContext]) -> None:
    """Read the case's number, then shake hands as that server; the client may not like it."""
    with contextlib.suppress(OSError), connection:
        connection.settimeout(120)
        number = b""
        while not number.endswith(b"\n"):
            number += connection.recv(1)
        with contexts[int(number)].wrap_socket(connection, server_side=True) as stream:
            stream.recv(4)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    contexts = make_contexts(tmp_path_factory.mktemp("certificates"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    serve_one(listener.accept()[0], contexts)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(120)


@pytest.fixture(scope="module")
def pyodide_verdicts(port: int, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """All cases in one Pyodide."""
    file = tmp_path_factory.mktemp("input") / "cases.json"
    cases = [{"host": case.host, "version": version} for case, version in CASES]
    file.write_text(json.dumps({"port": port, "authority": make_authority().certificate_pem(), "cases": cases}))
    script = Path(__file__).with_name("tls_client.mjs")
    command = ["node", script, ROOT / "node_modules/pyodide", ROOT / "build/wheels", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def native_verdict(port: int, number: int) -> tuple[int, str]:
    """What this machine's OpenSSL says."""
    case, version = CASES[number]
    context = ssl.create_default_context(cadata=make_authority().certificate_pem())
    context.hostname_checks_common_name = False
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        connection.sendall(f"{number}\n".encode())
        try:
            with context.wrap_socket(connection, server_hostname=case.host) as stream:
                stream.send(b"done")
                return OK, stream.version() or ""
        except ssl.SSLCertVerificationError as error:
            return error.verify_code, error.verify_message


def test_there_are_48_cases():
    assert len(CASES) == 48


@pytest.mark.parametrize("number", range(len(CASES)), ids=IDS)
def test_in_pyodide(pyodide_verdicts: list[dict[str, object]], number: int):
    case, version = CASES[number]
    got = pyodide_verdicts[number]
    assert got["verdict"] == case.verdict, got["message"]
    if case.verdict == OK:
        assert got["message"] == version.replace("_", ".")


@pytest.mark.parametrize("number", range(len(CASES)), ids=IDS)
def test_native_openssl_agrees(port: int, number: int):
    verdict, message = native_verdict(port, number)
    assert verdict == CASES[number][0].verdict, message
