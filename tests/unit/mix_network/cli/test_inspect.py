"""The command prints an entry of expected.json, or one line that says what is wrong."""

import json
from pathlib import Path

from click.testing import CliRunner

from mix_network.cli.inspect import inspect_command

CAPTURE = Path(__file__).parents[3] / "vectors" / "reference-client"
KEYS = str(CAPTURE / "node-keys.json")


def test_prints_the_expected_entry():
    result = CliRunner().invoke(inspect_command, ["--keys", KEYS, str(CAPTURE / "sphinx_0002.bin")])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((CAPTURE / "expected.json").read_text())[1]


def test_a_damaged_frame_is_told_with_its_code(tmp_path: Path):
    frame = tmp_path / "short.bin"
    frame.write_bytes((CAPTURE / "sphinx_0001.bin").read_bytes()[:-7])
    result = CliRunner().invoke(inspect_command, ["--keys", KEYS, str(frame)])
    assert result.exit_code == 1
    assert "sphinx.unknown_packet_size" in result.stderr
    assert "Traceback" not in result.output


def test_a_bad_keys_file_is_told_with_its_code(tmp_path: Path):
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    result = CliRunner().invoke(inspect_command, ["--keys", str(keys), str(CAPTURE / "sphinx_0001.bin")])
    assert result.exit_code == 1
    assert "inspect.invalid_keys_file" in result.stderr


def test_missing_files_and_options_are_usage_errors():
    assert CliRunner().invoke(inspect_command, ["--keys", KEYS, "no-such-file.bin"]).exit_code == 2
    assert CliRunner().invoke(inspect_command, [str(CAPTURE / "sphinx_0001.bin")]).exit_code == 2
