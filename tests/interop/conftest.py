"""What the judges said, for the page about compatibility: `--verdicts FILE` writes it, and runs slow scenarios too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_verdicts: dict[tuple[str, str], dict[str, str]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--verdicts", type=Path, help="write what the judges said here, and ask the slow ones too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "interop_slow: a scenario that takes long; `make interop` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        item.user_properties.append(("scenario", _scenario(item)))
        if config.getoption("--verdicts", default=None) is None and item.get_closest_marker("interop_slow") is not None:
            item.add_marker(pytest.mark.skip(reason="it takes long: make interop"))


def _scenario(item: pytest.Item) -> str:
    """The first line of the test's docstring, where there is one, with the values of its parameters."""
    function = getattr(item, "function", None)
    text = (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0]
    call = getattr(item, "callspec", None)
    if call is None:
        return text
    for name, value in {"id": call.id, **call.params}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    told = dict(report.user_properties)
    if "scenario" not in told or (report.when != "call" and report.passed):
        return
    verdict = {"file": report.nodeid.partition("::")[0], "scenario": told["scenario"], "outcome": report.outcome}
    key = (verdict["file"], report.nodeid)
    if _verdicts.get(key, {}).get("outcome") != "failed":
        _verdicts[key] = verdict


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    target = session.config.getoption("--verdicts", default=None)
    if target is None or hasattr(session.config, "workerinput"):
        return
    told = {"date": datetime.now(UTC).date().isoformat(), "verdicts": list(_verdicts.values())}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(told, indent=1) + "\n")
