"""An aborted `mixFetch` rejects at once, at whatever stage, and nothing of it stays at the exit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.http_server import Conversation, serve_conversations
from support.stalling import STAGES, StallingSite, stalling_site
from support.threaded import in_thread

from .waiting import wait_until

START = """
  const controller = new AbortController();
  const whole = async () => (await mixFetch(values.url, { signal: controller.signal, ...values.init })).text();
  globalThis.aborting = { controller, pending: whole() };
  globalThis.aborting.pending.catch(() => {});
"""
ABORT = """
  const { controller, pending } = globalThis.aborting;
  const order = [];
  const rejected = pending.catch((error) => { order.push("rejected"); return error; });
  const reason = new DOMException("enough", "AbortError");
  const later = new Promise((resolve) => setTimeout(() => { order.push("next task"); resolve(); }));
  controller.abort(reason);
  await later;
  return { order, same: await rejected === reason };
"""


@pytest.fixture(scope="module")
def site(api: Any) -> Iterator[StallingSite]:
    with in_thread(stalling_site()) as stalling:
        server = f"tcp://{stalling.name_server}"
        api(
            "await disconnectMixTunnel(); await setupMixTunnel({ ...options, dnsServers: [values.server] })",
            server=server,
        )
        yield stalling


@pytest.mark.parametrize("stage", STAGES)
def test_aborting_at_every_stage(api: Any, playground: Any, site: StallingSite, stage: str):
    site.reached.clear()
    api(START, url=site.url(stage), init={})
    wait_until(lambda: playground.exit_flows() and (stage == "tcp" or stage in site.reached))
    assert api(ABORT) == {"order": ["rejected", "next task"], "same": True}
    wait_until(lambda: playground.exit_flows() == 0)


def test_aborting_before_it_starts(api: Any, playground: Any, site: StallingSite):
    site.reached.clear()
    got = api(
        """
        const early = await mixFetch(values.url, { signal: AbortSignal.abort("mine") }).catch((reason) => reason);
        const controller = new AbortController();
        const pending = mixFetch(values.url, { signal: controller.signal }).catch((error) => error.name);
        controller.abort();
        return [early, await pending];
        """,
        url=site.url("headers"),
    )
    assert got == ["mine", "AbortError"]
    assert playground.exit_flows() == 0
    assert site.reached == []


@pytest.mark.parametrize("stage", STAGES)
def test_limits_and_signals_with_a_time(api: Any, playground: Any, site: StallingSite, stage: str):
    got = api(
        """
        const whole = async (init) => (await mixFetch(values.url, init)).text();
        const any = AbortSignal.any([AbortSignal.timeout(700), new AbortController().signal]);
        return Promise.all([caught(whole({ timeoutMs: 700 })), caught(whole({ signal: any }))]);
        """,
        url=site.url(stage),
    )
    assert (got[0]["code"], got[0]["isMixError"]) == ("http.total_timed_out", True)
    assert got[1]["name"] == "TimeoutError"
    wait_until(lambda: playground.exit_flows() == 0)


@asynccontextmanager
async def pouring(sent: list[int]):
    async def pour(conversation: Conversation) -> None:
        conversation.writer.transport.set_write_buffer_limits(0)
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            await conversation.send(bytes(65_536))
            sent[0] += 65_536
            await asyncio.sleep(0)

    async with serve_conversations(pour) as server:
        yield server


def test_a_reader_that_stops_holds_the_server_back_and_one_that_goes_on_does_not(api: Any, playground: Any):
    sent = [0]
    with in_thread(pouring(sent)) as server:
        api(
            """
            const response = await mixFetch(values.url);
            globalThis.reader = response.body.getReader();
            await globalThis.reader.read();
            """,
            url=server.url(),
        )
        stopped_at = -1
        while sent[0] != stopped_at:
            stopped_at = sent[0]
            time.sleep(1)
        api(
            """
            for (let read = 0; read < values.enough;) read += (await globalThis.reader.read()).value.byteLength;
            """,
            enough=3_000_000,
        )
        wait_until(lambda: sent[0] > stopped_at)
        api("await globalThis.reader.cancel()")
        wait_until(lambda: playground.exit_flows() == 0)
