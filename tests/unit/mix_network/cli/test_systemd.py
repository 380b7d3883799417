"""Units for systemd: they start what they say, and let it do little else."""

from __future__ import annotations

import configparser
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from mix_network.cli import main

NODE = ["--role", "mix", "--directory", "http://192.0.2.1:8000/api", "--announce", "192.0.2.7", "--name", "50% $HOME"]


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def read(text):
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(text)
    return unit


@pytest.mark.parametrize("command", [["node", "systemd", *NODE], ["directory", "systemd"]])
def test_it_may_do_little(command):
    result = run(*command)
    assert result.exit_code == 0, result.output
    service = read(result.output)["Service"]
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateDevices", "ProtectKernelTunables", "RestrictNamespaces"):
        assert service[name] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["Type"] == "notify"
    assert "SystemCallFilter=@system-service\n" in result.output


def test_it_starts_the_node_that_was_asked_for_in_its_own_folder():
    service = read(run("node", "systemd", "--service", "node-7", *NODE).output)["Service"]
    assert "node run --role mix --directory http://192.0.2.1:8000/api --announce 192.0.2.7" in service["ExecStart"]
    assert "'50%% $$HOME'" in service["ExecStart"]
    assert service["ExecStart"].endswith("--home %S/node-7")
    assert service["StateDirectory"] == "node-7"


def test_what_could_not_start_is_told_now():
    assert "needs --role" in run("node", "systemd").output
    assert "--announce" in run("node", "systemd", *NODE[:4]).output
    assert "name has" in run("node", "systemd", "--service", "../etc", *NODE).output


def test_systemd_understands_it(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    for name, command in (("mix-node", ["node", "systemd", *NODE]), ("mix-directory", ["directory", "systemd"])):
        path = tmp_path / f"{name}.service"
        path.write_text(run(*command).output)
        verified = subprocess.run([analyze, "verify", str(path)], capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stderr
