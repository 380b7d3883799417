"""The local network ends, or stands still, under a page that uses it: everything on the page says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import new_context
from support.processes import ended, first_line, running

from .conftest import READY_MS, ROOT


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    with running([sys.executable, str(ROOT / "web/playground.py"), "--port", "0"]) as process:
        yield process


def network_of(program: subprocess.Popen[str]) -> int:
    """The process id of the program's network."""
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


@pytest.fixture
def page(browser: Browser, program: subprocess.Popen[str]) -> Iterator[Page]:
    """A page with a tunnel that is ready."""
    url = re.search(r"http://\S+", first_line(program))
    assert url is not None
    context = new_context(browser)
    page = context.new_page()
    page.goto(url[0])
    expect(page.get_by_test_id("connect")).to_be_enabled()
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
    expect(page.locator("#network-picture circle.busy").first).to_be_visible()
    yield page
    context.close()


def test_a_network_that_ends(page: Page, program: subprocess.Popen[str]):
    os.kill(network_of(program), signal.SIGKILL)
    assert ended(program) == 1
    said = "".join(program.errors)
    assert "the local mixnet ended by itself" in said
    assert "Traceback" not in said

    note = page.get_by_test_id("network-note")
    expect(note).to_contain_text("the playground has ended, and the local network with it")
    expect(note).to_contain_text("then reload this page")
    expect(page.locator("#network-picture circle.busy")).to_have_count(0)
    expect(page.locator("#network-picture .rate").first).to_have_text("–")
    expect(page.locator("#network-picture .flow:not(.idle)")).to_have_count(0)
    assert set(page.get_by_test_id("network-table").locator("td:nth-of-type(2)").all_inner_texts()) <= {"–", ""}

    expect(page.get_by_test_id("tunnel-state")).to_have_text("connecting again")
    failed = page.get_by_test_id("steps").locator("li.failed").first
    expect(failed).to_contain_text(re.compile("could not connect to the gateway, [2-9] times"))
    expect(page.get_by_test_id("steps").locator("li:not(.failed, .now)")).to_have_count(0)
    expect(page.get_by_test_id("try-hint")).to_contain_text("What was begun waits for it")
    expect(page.get_by_test_id("log")).to_contain_text("could not connect to the gateway: ")
    expect(page.get_by_test_id("log")).not_to_contain_text("Traceback")


def test_a_network_that_stands_still_for_a_while(page: Page, program: subprocess.Popen[str]):
    network = network_of(program)
    note = page.get_by_test_id("network-note")
    expect(note).to_be_hidden()
    os.kill(network, signal.SIGSTOP)
    try:
        expect(note).to_contain_text(
            "The local network does not answer. Unless this machine is very busy, it has ended"
        )
        expect(page.locator("#network-picture circle.busy")).to_have_count(0)
    finally:
        os.kill(network, signal.SIGCONT)
    expect(note).to_be_hidden()
    expect(page.get_by_test_id("log")).to_contain_text("the local network answers again")
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
    expect(page.locator("#network-picture circle.busy").first).to_be_visible()
