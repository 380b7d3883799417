"""Settings for all suites."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from mix_protocol.crash_log import CrashLog

# A shell's background job ignores interrupts, and hands that on to every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes, and drawing it, says more about the machine than about the code.
settings.register_profile("mix", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mix")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "expects_crashes: exceptions that nobody expected are what the test is about")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes that say nothing to a reader, and may hold the second they were made in, are named by their length."""
    if isinstance(val, bytes) and not val.isascii():
        return f"{len(val)} bytes"
    return None


@pytest.fixture(autouse=True)
def no_hidden_crashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is isolated must not stay unseen in tests: an exception that nobody expected fails them all the same."""
    crashes: list[Exception] = []
    note = CrashLog.note

    def record(log: CrashLog, error: Exception, ended: str) -> None:
        crashes.append(error)
        note(log, error, ended)

    monkeypatch.setattr(CrashLog, "note", record)
    yield
    if crashes and request.node.get_closest_marker("expects_crashes") is None:
        raise crashes[0]
