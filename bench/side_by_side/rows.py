"""Everything that is measured. A further row is one more object here."""

from __future__ import annotations

from functools import partial

from bench.side_by_side.measurement import Aim, Idle, InPage, Measurement, Memory, Row
from bench.side_by_side.statistics import percentile

HOPS = (
    "85 ms of a round trip (median) are the times for which mix nodes hold packets, which both clients draw alike; "
    "nearly all of the rest is the local network's own, as our native client shows"
)
P95 = partial(percentile, share=0.95)

# --- starting: what a page does at once ------------------------------------------------------------------------------

WORKER_FIRST = Row(
    "worker_first_ms",
    "page → worker ready, first visit",
    "ms",
    "from navigation until the worker is ready; the page sets the tunnel up at once; nothing cached",
)
TUNNEL_FIRST = Row(
    "tunnel_first_ms",
    "page → tunnel ready, first visit",
    "ms",
    "from navigation until `setupMixTunnel` resolves, in the same visit",
)
BYTE_FIRST = Row(
    "byte_first_ms",
    "page → first byte, first visit",
    "ms",
    "from navigation until the first byte of a body of 1 kB, in the same visit: ours over https, theirs over http",
    Aim(most=1000),
)
CPU_FIRST = Row(
    "cpu_first_ms",
    "renderer CPU until then, first visit",
    "ms",
    "CPU time of the renderer's process in the same visit, page and worker together",
)
WORKER_SECOND = Row(
    "worker_second_ms",
    "page → worker ready, second visit",
    "ms",
    "the same once more in another tab 12 s later, with what the browser keeps on disk",
    Aim(ratio=0.5),
)
TUNNEL_SECOND = Row("tunnel_second_ms", "page → tunnel ready, second visit", "ms", "in the same visit", Aim(ratio=0.5))
BYTE_SECOND = Row("byte_second_ms", "page → first byte, second visit", "ms", "in the same visit", Aim(most=1000))
CPU_SECOND = Row("cpu_second_ms", "renderer CPU until then, second visit", "ms", "in the same visit")
PRELOAD_FIRST = Row(
    "preload_first_ms",
    "page → worker ready, preloaded, first visit",
    "ms",
    "the page calls `preloadMixTunnel` (theirs: `getMixTunnel`) at once, and nothing else; nothing cached",
)
PRELOAD_SECOND = Row(
    "preload_second_ms",
    "page → worker ready, preloaded, second visit",
    "ms",
    "the same once more in another tab",
    Aim(ratio=0.5),
)
STARTING = {
    "first": {"workerReady": WORKER_FIRST, "tunnelReady": TUNNEL_FIRST, "firstByte": BYTE_FIRST, "cpu": CPU_FIRST},
    "second": {"workerReady": WORKER_SECOND, "tunnelReady": TUNNEL_SECOND, "firstByte": BYTE_SECOND, "cpu": CPU_SECOND},
    "preload_first": {"workerReady": PRELOAD_FIRST},
    "preload_second": {"workerReady": PRELOAD_SECOND},
}
"""By visit and by the page's mark."""

# --- working: one after the other in a visit whose worker is ready ---------------------------------------------------

SETUP = InPage(
    (Row("setup_ms", "set-up", "ms", "`setupMixTunnel` in a page whose worker is ready"),),
    """async (client, site) => {
      const start = performance.now();
      await client.setup(site.setup);
      return performance.now() - start;
    }""",
)
MEMORY_READY = Memory(
    Row(
        "memory_ready_mb",
        "renderer memory, tunnel ready",
        "MB",
        "private memory after garbage collection",
        Aim(ratio=0.9),
    )
)
_GET = """
      const get = async (path) => {
        const start = performance.now();
        const { byteLength } = await (await client.fetch(site.http + path)).arrayBuffer();
        if (byteLength === 0) throw new Error(`nothing came of ${path}`);
        return performance.now() - start;
      };"""
FIRST_FETCH = InPage(
    (
        Row(
            "first_fetch_ms",
            "first fetch",
            "ms",
            "the tunnel's first http fetch, 1 kB: name, TCP and all",
            Aim(ratio=0.9, reason=HOPS),
        ),
    ),
    f"async (client, site) => {{{_GET} return get('/bytes/1000'); }}",
)
WARM_CPU = Row("warm_cpu_ms", "renderer CPU of all warm fetches", "ms", "CPU time of the renderer")
WARM_FETCH = InPage(
    (
        Row(
            "warm_p50_ms",
            "warm fetch p50",
            "ms",
            "1 kB over http, one after the other, 20 times (fewer on slow links)",
            Aim(ratio=0.7, reason=HOPS),
        ),
        Row("warm_p95_ms", "warm fetch p95", "ms", "of the same", figure=P95),
        WARM_CPU,
    ),
    f"""async (client, site) => {{{_GET}
      const took = [];
      for (let i = 0; i < site.times; i += 1) took.push(await get("/bytes/1000"));
      return took;
    }}""",
    cpu=WARM_CPU,
)
DNS = InPage(
    (Row("dns_p50_ms", "DNS p50", "ms", "names that were not asked for before, one after the other"),),
    """async (client, site) => {
      const took = [];
      for (const name of site.names.slice(0, site.times)) {
        const start = performance.now();
        await client.resolve(name);
        took.push(performance.now() - start);
      }
      return took;
    }""",
)
WEB_SOCKET = InPage(
    (Row("web_socket_p50_ms", "WebSocket echo p50", "ms", "100 bytes there and back on an open WebSocket"),),
    """async (client, site) => {
      const socket = await client.webSocket(site.webSocket);
      const took = [];
      for (let i = 0; i < site.times; i += 1) {
        const start = performance.now();
        await socket.echo(new Uint8Array(100));
        took.push(performance.now() - start);
      }
      await socket.close();
      return took;
    }""",
)
TEN_AT_ONCE = InPage(
    (Row("ten_ms", "ten at once", "ms", "ten fetches of 1 kB together, until the last is there"),),
    f"""async (client, site) => {{{_GET}
      return Math.max(...(await Promise.all(Array.from({{ length: 10 }}, () => get("/bytes/1000")))));
    }}""",
)
IDLE = Idle(
    Row(
        "idle_cpu_percent",
        "renderer CPU, idle",
        "% of a core",
        "CPU time of the renderer in 10 s without use",
        Aim(most=6),
    )
)
DOWN_CPU = Row("down_cpu_ms", "renderer CPU per MB down", "ms", "CPU time of the renderer meanwhile")
DOWN = InPage(
    (Row("down_ms", "1 MB down", "ms", "one fetch over http", Aim(ratio=0.3)), DOWN_CPU),
    f"async (client, site) => {{{_GET} return get('/bytes/1000000'); }}",
    timeout_s=40,
    cpu=DOWN_CPU,
    rounds_on_slow_links=1,
)
MEMORY_10_MB = Memory(
    Row("memory_10_mb_mb", "renderer memory, after 10 MB", "MB", "after nine more downloads of 1 MB", Aim(ratio=0.9)),
    f"async (client, site) => {{{_GET} for (let i = 0; i < 9; i += 1) await get('/bytes/1000000'); }}",
    covers=("off",),
    rounds=1,
)
UP_CPU = Row("up_cpu_ms", "renderer CPU per MB up", "ms", "CPU time of the renderer meanwhile")
UP = InPage(
    (Row("up_ms", "1 MB up", "ms", "one POST over http", Aim(ratio=0.15)), UP_CPU),
    """async (client, site) => {
      const body = new Uint8Array(1_000_000).map((_, index) => index * 7919);
      const start = performance.now();
      const { length } = await (await client.fetch(`${site.http}/echo`, { method: "POST", body })).json();
      if (length !== body.length) throw new Error(`the server got ${length} bytes`);
      return performance.now() - start;
    }""",
    timeout_s=60,
    cpu=UP_CPU,
    rounds_on_slow_links=1,
)
WORK: tuple[Measurement, ...] = (
    SETUP,
    MEMORY_READY,
    FIRST_FETCH,
    WARM_FETCH,
    DNS,
    WEB_SOCKET,
    TEN_AT_ONCE,
    IDLE,
    DOWN,
    MEMORY_10_MB,
    UP,
)
"""In this order; what hangs most easily comes last. The first makes the tunnel."""

# --- a long time's cover ---------------------------------------------------------------------------------------------

MEMORY_COVER = Row(
    "memory_cover_mb",
    "renderer memory, after long cover",
    "MB",
    "after so many minutes' worth of cover traffic, with the worker's clock made to run faster",
    Aim(ratio=0.9),
)


def all_rows() -> list[Row]:
    """Every row, in the table's order."""
    starting = [row for marks in STARTING.values() for row in marks.values()]
    return [*starting, *(row for measurement in WORK for row in measurement.rows), MEMORY_COVER]
