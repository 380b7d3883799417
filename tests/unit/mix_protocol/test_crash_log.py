"""Crashes are logged once each, and without what a peer may have put into them."""

from __future__ import annotations

import logging

import pytest

from mix_protocol.crash_log import CrashLog

pytestmark = pytest.mark.expects_crashes


def crash(log: CrashLog, text: str) -> None:
    with log.isolated("one flow"):
        raise ValueError(text)


def test_each_kind_is_logged_once_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    log = CrashLog(logging.getLogger("crashes"))
    for index in range(100):
        crash(log, f"https://secret.test/{index}")
    with log.isolated("one flow"):
        {}["10.0.0.1"]
    assert log.count == 101
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("an error in this software has ended one flow; please report it: ValueError at ")
    assert "in crash" in first
    assert "KeyError" in second
    assert "secret" not in caplog.text
    assert "10.0.0.1" not in caplog.text


def test_kinds_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = CrashLog(logging.getLogger("crashes"))
    for index in range(400):
        with log.isolated("one flow"):
            raise type(f"Error{index}", (Exception,), {})
    assert log.count == 400
    assert len(caplog.records) == 256


def test_cancelling_goes_through() -> None:
    log = CrashLog(logging.getLogger("crashes"))
    with pytest.raises(KeyboardInterrupt), log.isolated("one flow"):
        raise KeyboardInterrupt
    assert log.count == 0
