"""The page with a local network's picture, in Chromium."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.chromium import chromium, new_context
from support.processes import BIN, first_line, running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_it_shows_nodes_packets_and_failures_under_a_strict_policy(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    command = [str(BIN / "mix-network"), "up", "--json", "--mixes", "3x2", "--epoch", "1h", "--node-cover", "5"]
    with running(command) as process:
        network = json.loads(first_line(process))
        context = new_context(browser)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        answer = page.goto(network["status"])
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy

        expect(page.get_by_role("status")).to_have_text("8 nodes run")
        expect(page.locator("#nodes tr")).to_have_count(8)
        expect(page.locator("#layers")).to_have_text("drawn anew each epoch")
        layers = page.locator("#nodes tr td:nth-child(2)").all_inner_texts()
        assert sorted(layers) == ["", "", "1", "1", "2", "2", "3", "3"]
        # Cover of the nodes' own is on its way, and seen at more than one node.
        expect(page.locator(".trail[data-nodes='3']").first).to_be_attached()
        expect(page.locator("#rate")).to_have_text(re.compile("[1-9]"))

        subprocess.run([str(BIN / "mix-network"), "kill", "mix-3"], check=True)
        expect(page.get_by_role("status")).to_have_text("mix-3 is killed")
        expect(page.locator("#nodes tr[data-node=mix-3] td.killed")).to_have_text("killed")
        subprocess.run([str(BIN / "mix-network"), "restart", "mix-3"], check=True)
        expect(page.get_by_role("status")).to_have_text("8 nodes run")
        assert complaints == []

        process.terminate()
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        context.close()
