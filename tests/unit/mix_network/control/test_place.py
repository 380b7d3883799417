"""Where the sockets of running networks are, and who may have which name."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mix_network.control.errors import ControlUnavailable, NameTaken
from mix_network.control.place import claimed, folder, running_names, socket_path
from mix_network.errors import InvalidNetworkOption


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def listening(name: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path(name)))
        listener.listen()
        yield


def test_the_folder_is_this_users_alone():
    assert folder().stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_enter_is_not_used(runtime: Path):
    (runtime / "mix-network").mkdir()
    (runtime / "mix-network").chmod(0o755)
    with pytest.raises(ControlUnavailable):
        folder()


def test_a_link_that_somebody_has_put_there_is_not_followed(runtime: Path):
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "mix-network").symlink_to(runtime / "elsewhere")
    with pytest.raises(ControlUnavailable):
        folder()


def test_a_lock_that_is_a_link_is_not_followed(runtime: Path):
    (folder() / "local.lock").symlink_to(runtime / "precious")
    with pytest.raises(OSError), claimed("local"):  # noqa: PT011 -- ELOOP
        pass
    assert not (runtime / "precious").exists()


def test_names_that_nobody_has_are_found():
    with claimed(None) as first, claimed(None) as second:
        assert (first, second) == ("local", "local-2")
        with pytest.raises(NameTaken), claimed("local"):
            pass
    with claimed("local") as again:
        assert again == "local"


def test_a_socket_that_a_dead_process_has_left_is_in_nobodys_way():
    with listening("local"):
        pass
    assert socket_path("local").exists()
    assert running_names() == []
    with claimed(None) as name, listening(name):
        assert name == "local"
        assert running_names() == ["local"]
    assert not socket_path("local").exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 33, "ä", "a b", "-n"])
def test_names_that_are_no_file_names(name: str):
    with pytest.raises(InvalidNetworkOption), claimed(name):
        pass


def test_a_path_that_is_too_long_for_a_socket(runtime: Path, monkeypatch: pytest.MonkeyPatch):
    long = runtime / ("a" * 120)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with pytest.raises(ControlUnavailable):
        socket_path("local")
    assert os.listdir(long / "mix-network") == []
