"""`mix dns` as a user runs it: a process of its own, through a real local mixnet, to a real unbound."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.processes import BIN, local_network
from support.tls_server import authority, pem_of
from support.unbound import RECORDS, run_unbound

PATIENCE_S = 120


@pytest.fixture(scope="module")
def unbound():
    with run_unbound() as server:
        yield server


@pytest.fixture(scope="module")
def directory():
    with local_network("--allow-local") as network:
        yield network["directory"]["http"]


@pytest.fixture(scope="module")
def dns(directory, tmp_path_factory):
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.write_text(pem_of(authority()))

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [BIN / "mix", "dns", "--directory", directory, "--no-cover", "--cacert", ca, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        return ended.returncode, ended.stdout, ended.stderr

    return run


def test_a_name_as_in_a_zone_file(dns, unbound):
    code, out, said = dns("--server", unbound.udp, "alias.zone.test")
    assert (code, said) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "; alias.zone.test. is an alias of www.zone.test."
    assert sorted(lines[1:3]) == [f"www.zone.test.\t60\tIN\tA\t192.0.2.{last}" for last in (1, 2)]
    assert lines[3].startswith(f"; from 127.0.0.1:{unbound.port} over UDP in ")


def test_short_over_tls(dns, unbound):
    assert dns("--short", "--server", unbound.tls, "txt.zone.test", "txt") == (
        0,
        '"v=spf1 -all" "second string"\n',
        "",
    )


def test_json_over_https(dns, unbound):
    code, out, _ = dns("--json", "--server", unbound.https, "svc.zone.test", "HTTPS")
    found = json.loads(out)
    assert code == 0
    assert (found["transport"], found["canonical_name"]) == ("https", "svc.zone.test")
    assert [record["data"] for record in found["records"]] == next(row[3] for row in RECORDS if row[1] == "HTTPS")


def test_reverse(dns, unbound):
    assert dns("-x", "--short", "--server", unbound.tcp, "192.0.2.1") == (0, "www.zone.test.\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["missing.zone.test"], 6, "dns.name_not_found"),
        (["www.zone.test", "MX"], 6, "dns.no_data"),
        (["a.refused.test"], 6, "dns.query_refused"),
        (["--timeout", "5", "a.silent.test"], 28, "longer than the 5 seconds"),
    ],
)
def test_failures(dns, unbound, arguments, code, kind):
    ended, out, said = dns("--server", unbound.udp, *arguments)
    assert (ended, out, said.count("\n")) == (code, "", 1)
    assert kind in said
    assert "zone.test" not in said


def test_a_wrong_certificate(dns, unbound):
    code, _, said = dns("--server", f"tls://127.0.0.1:{unbound.tls_port}#other.test", "www.zone.test")
    assert (code, "tls.wrong_host" in said) == (60, True)
