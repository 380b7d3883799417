"""`mix-network node` and `directory`: homes are made once, and what is wrong is told before anything runs."""

from __future__ import annotations

import json
import logging
import stat

import pytest
from click.testing import CliRunner

from mix_network.cli import main
from mix_network.cli.program import JsonLines

NODE = ["--directory", "http://192.0.2.1:8000/api", "--announce", "192.0.2.7"]


def run(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def test_a_node_is_initialised_once_and_checked(home):
    made = run("node", "init", "--home", home, "--role", "exit", "--role", "mix", *NODE)
    assert made.exit_code == 0, made.output
    key = (home / "keys" / "identity.key").read_text()
    assert key.strip() not in made.output
    assert stat.S_IMODE((home / "node.toml").stat().st_mode) == 0o600
    again = run("node", "init", "--home", home, "--role", "mix", *NODE)
    assert again.exit_code == 1
    assert "never overwritten" in again.output
    assert (home / "keys" / "identity.key").read_text() == key
    for command in (["node", "run"], ["node"]):
        checked = run(*command, "--home", home, "--check")
        assert checked.exit_code == 0, checked.output
        assert "are right" in checked.output
    assert sorted(path.name for path in (home / "keys").iterdir()) == ["exit-service.key", "identity.key"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("mix_port = 1789", "mix_port = -1", "listen.mix_port: it is a whole number from 0 to 65535"),
        ("[logs]", "[logs", "is no TOML"),
        ('# policy_file = "exit-policy.txt"', 'policy_file = "exit-policy.txt"', "No such file"),
    ],
)
def test_what_is_wrong_is_said_by_check(home, old, new, says):
    run("node", "init", "--home", home, "--role", "exit", *NODE)
    path = home / "node.toml"
    path.write_text(path.read_text().replace(old, new))
    checked = run("node", "run", "--home", home, "--check")
    assert checked.exit_code == 1
    assert says in checked.output
    assert "Traceback" not in checked.output


def test_a_policy_with_a_bad_line_is_said_by_check(home):
    run("node", "init", "--home", home, "--role", "exit", *NODE)
    path = home / "node.toml"
    path.write_text(path.read_text().replace('# policy_file = "exit-policy.txt"', 'policy_file = "exit-policy.txt"'))
    (home / "exit-policy.txt").write_text("ExitPolicy allow everything\n")
    assert "ExitPolicy accept|reject ADDRESS:PORTS" in run("node", "run", "--home", home, "--check").output


def test_a_key_that_others_can_read_is_said_by_check(home):
    run("node", "init", "--home", home, "--role", "mix", *NODE)
    (home / "keys" / "identity.key").chmod(0o644)
    assert "chmod 600" in run("node", "run", "--home", home, "--check").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--role"),
        (["--role", "mix"], "--directory URL"),
        (["--role", "mix", *NODE[:2]], "--announce"),
        (["--role", "mix", *NODE[:3], "somewhere"], "IP addresses"),
        (["--role", "mix", "--directory", "192.0.2.1", *NODE[2:]], "addresses such as http"),
    ],
)
def test_a_node_that_can_not_be_is_not_begun(home, arguments, says):
    made = run("node", "init", "--home", home, *arguments)
    assert made.exit_code != 0
    assert says in made.output
    assert not home.exists()


@pytest.mark.parametrize("kind", ["node", "directory"])
def test_who_was_never_initialised_is_told_to(home, kind):
    started = run(kind, "run", "--home", home)
    assert started.exit_code == 1
    assert "run init first" in started.output
    assert not home.exists()


def test_a_directory_is_initialised_once_and_checked(home):
    assert run("directory", "init", "--home", home, "--epoch", 60).exit_code == 0
    assert "never overwritten" in run("directory", "init", "--home", home).output
    assert "is right" in run("directory", "run", "--home", home, "--check").output
    path = home / "directory.toml"
    path.write_text(path.read_text().replace("length_s = 60", "length = 60"))
    assert "did you mean length_s?" in run("directory", "run", "--home", home, "--check").output


def test_a_directory_that_had_other_epochs_is_not_started(home):
    run("directory", "init", "--home", home, "--epoch", 60, "--http-port", 0, "--listen", "127.0.0.1")
    from mix_network.directory.state import DirectoryState
    from mix_network.rotation import RotationSchedule

    state = DirectoryState(home)
    state.schedule(RotationSchedule(3600, 24))
    state.close()
    started = run("directory", "run", "--home", home)
    assert started.exit_code == 1
    assert "epochs.length_s: this directory has always had 3600" in started.output


def test_logs_as_json_are_one_object_a_line():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord(
            "mix_network.x", logging.WARNING, "", 1, "it is %s", ("so",), (ValueError, error, error.__traceback__)
        )
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("warning", "mix_network.x", "it is so")
    assert told["time"].endswith("Z")
    assert "two\nlines" in told["error"]
