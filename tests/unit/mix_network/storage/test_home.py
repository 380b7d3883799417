"""A program's folder: one process at a time, keys made once and read by nobody else."""

import os
import stat
import subprocess
import sys

import pytest

from mix_network.errors import AlreadyInitialised, HomeInUse, HomeUnusable, KeyUnusable, NotInitialised
from mix_network.storage.home import Home

HOLDER = """
import sys
from pathlib import Path
from mix_network.storage.home import Home
with Home(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "node")
    home.create()
    return home


def test_another_process_is_kept_out_until_this_one_is_gone(home):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(HomeInUse), home.locked():
        pass
    holder.kill()
    holder.communicate()
    with home.locked(), pytest.raises(HomeInUse), Home(home.path).locked():
        pass
    with home.locked():
        pass


def test_keys_are_made_once_and_private(home):
    key = home.key("identity", 32, os.urandom)
    assert len(key) == 32
    assert home.key("identity", 32, os.urandom) == key
    path = home.path / "keys" / "identity.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["identity.key"]
    assert home.key("other", 80, os.urandom) != home.key("third", 80, os.urandom)


def test_a_key_that_can_not_be_trusted_is_refused_and_not_shown(home):
    key = home.key("identity", 32, os.urandom)
    path = home.path / "keys" / "identity.key"
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600") as caught:
        home.key("identity", 32, os.urandom)
    assert key.hex() not in str(caught.value) + repr(caught.value.fields)
    path.chmod(0o600)
    for damaged in (key.hex()[:-2], key.hex() + "00", "zz" * 32, "", "ü" * 32):
        path.write_text(damaged)
        with pytest.raises(KeyUnusable, match="64 hexadecimal digits"):
            home.key("identity", 32, os.urandom)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(KeyUnusable):
        home.key("identity", 32, os.urandom)


def test_a_configuration_is_written_once(home):
    home.write_configuration("node.toml", "a = 1\n")
    with pytest.raises(AlreadyInitialised):
        home.write_configuration("node.toml", "a = 2\n")
    assert home.read_configuration("node.toml") == b"a = 1\n"


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(NotInitialised):
        Home(tmp_path / "nowhere").read_configuration("node.toml")
    with pytest.raises(NotInitialised), Home(tmp_path / "nowhere").locked():
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnusable):
        Home(tmp_path / "file" / "below").create()
    home = Home(tmp_path)
    (tmp_path / "node.toml").write_bytes(b"#" * (300 << 10))
    with pytest.raises(HomeUnusable, match="longer"):
        home.read_configuration("node.toml")
