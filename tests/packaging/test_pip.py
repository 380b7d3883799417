"""Our wheels in a new virtual environment: the README's examples run there, and nothing else of ours is around."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.readme import ROOT, LocalPlaces, code_blocks

LOCK = ROOT / "requirements/dev.lock"
FACADES = ("mix_fetch", "mix_dns", "mix_websocket")
ON_NYMS_MAINNET = (*FACADES, "mix_tunnel")
BY_THEMSELVES = ("mix_network", "mix_protocol")


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The interpreter of an environment into which pip has installed our wheels with their extras."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    interpreter = folder / "bin/python"
    # The versions that the lock file names, without their hashes: pip would ask them for our own wheels as well.
    pins = folder / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^[\w.-]+==[\w.]+", LOCK.read_text(), re.MULTILINE)))
    # As files, all of them and each before what needs it: pip asks an index for a name that it has no file of, and
    # anybody could answer to these names there.
    names = ("mix_protocol", "mix_tunnel", *FACADES, "mix_network", "pytest_mix")
    (wheels,) = zip(*((dist / "python").glob(f"{name}-*") for name in names), strict=True)
    wanted = [
        f"{wheel}{'' if name in ('mix_network', 'pytest_mix') else '[native]'}"
        for name, wheel in zip(names, wheels, strict=True)
    ]
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command = [*pip, "--constraint", str(pins), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return interpreter


def run(python: Path, folder: Path, *arguments: str) -> str:
    """Run the new interpreter far from the project; gives its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_our_packages_come_from_the_wheels(python: Path, empty_folder: Path):
    code = "import mix_fetch, mix_network, mix_protocol; print(mix_fetch.__file__, mix_protocol.__file__)"
    for path in run(python, empty_folder, "-c", code).split():
        assert Path(path).is_relative_to(python.parents[1])


def first_example(package: str) -> str:
    (example, *_) = code_blocks(ROOT / "packages" / package / "README.md", "python")
    return example


@pytest.mark.parametrize("package", ON_NYMS_MAINNET)
def test_the_readmes_example_runs(package: str, python: Path, empty_folder: Path, places: LocalPlaces):
    script = empty_folder / "example.py"
    script.write_text(places.adapt_python(first_example(package)))
    assert run(python, empty_folder, str(script)).strip()


@pytest.mark.parametrize("package", BY_THEMSELVES)
def test_examples_that_need_no_other_network(package: str, python: Path, empty_folder: Path):
    script = empty_folder / "example.py"
    script.write_text(first_example(package))
    assert "hello" in run(python, empty_folder, str(script))


def test_an_apps_suite_runs_with_the_plugin_and_nothing_of_the_project_around(python: Path, empty_folder: Path):
    suite, options = code_blocks(ROOT / "packages/pytest_mix/README.md", "python")
    (empty_folder / "test_app.py").write_text(suite)
    assert "3 passed" in run(python, empty_folder, "-m", "pytest", "-q")
    (empty_folder / "conftest.py").write_text(options)
    (empty_folder / "test_app.py").write_text(suite.replace("app.test", "api.test").replace("mix-2", "mix-2-1"))
    told = run(python, empty_folder, "-m", "pytest", "-q", "-k", "comes_through or road")
    assert "2 passed" in told


def test_the_commands_are_there(python: Path, empty_folder: Path):
    mix = str(python.with_name("mix"))
    told = subprocess.run([mix, "--help"], cwd=empty_folder, capture_output=True, text=True, check=True).stdout
    assert {"fetch", "dns", "ws"} <= set(re.findall(r"^  (\w+) ", told, re.MULTILINE))


def test_types_are_shipped(python: Path, empty_folder: Path):
    code = "import importlib.resources as r; print(*(r.files(n).joinpath('py.typed').is_file() for n in {}))"
    names = (*ON_NYMS_MAINNET, *BY_THEMSELVES, "pytest_mix")
    assert run(python, empty_folder, "-c", code.format(names)).split() == ["True"] * len(names)
