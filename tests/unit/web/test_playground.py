"""What of this machine the playground's network leads to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from playground import allowance


@pytest.mark.parametrize("arguments", [[], ["--exits", "1"], ["--link", "home"], ["--hosts-file=x"]])
def test_its_own_ports_alone(arguments):
    assert allowance([8443, 8080], arguments) == ["--allow-local", "8443,8080"]


@pytest.mark.parametrize("arguments", [["--host", "a.test=127.0.0.1"], ["--exits", "1", "--host=a.test=127.0.0.1"]])
def test_and_the_servers_that_somebody_names(arguments):
    assert allowance([8443], arguments) == ["--allow-local"]
