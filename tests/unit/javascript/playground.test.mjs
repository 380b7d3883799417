// What the playground's pictures are computed from.
import assert from "node:assert/strict";
import { test } from "node:test";

import { formatBytes, formatDuration, formatRemaining, formatSize, formatSpeed } from "../../../web/page/format.js";
import { repeat } from "../../../web/page/load.js";
import { findWays, placeStations, shapeOf } from "../../../web/page/network_layout.js";
import { makeBins, percentile, roundUp } from "../../../web/page/statistics.js";

test("numbers as a person reads them", () => {
  assert.deepEqual([0, 0.04, 9.94, 9.96, 12.4, 999, 999.6, 9_990, 9_996, 59_940, 59_960, 61_234].map(formatDuration), [
    "0 ms", "0.0 ms", "9.9 ms", "10 ms", "12 ms", "999 ms", "1.00 s", "9.99 s", "10.0 s", "59.9 s", "1 min 0 s", "1 min 1 s",
  ]);
  assert.deepEqual([0, 1, 12_001, 60_000, 61_500].map(formatRemaining), ["0 s", "1 s", "13 s", "1 min 0 s", "1 min 2 s"]);
  assert.deepEqual([0, 1, 1234567].map(formatBytes), ["0 bytes", "1 byte", "1,234,567 bytes"]);
  assert.deepEqual([500, 123_456, 1_234_567, 50_000_000].map(formatSize), ["0.5 kB", "123 kB", "1.23 MB", "50.0 MB"]);
  assert.equal(formatSpeed(200_000), "200 kB/s");
});

test("percentiles are values that occurred", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual([0, 0.5, 0.9, 0.99, 1].map((share) => percentile(values, share)), [1, 50, 90, 99, 100]);
  assert.equal(percentile([7], 0.5), 7);
});

test("every value has its class, and classes are round", () => {
  assert.deepEqual(makeBins([]), []);
  for (const values of [[5], [0, 0, 0], [100, 100], [1, 2, 3, 1000], [0.1, 0.2], [3599.9, 12, 700, 701]]) {
    const bins = makeBins(values);
    assert.equal(bins.reduce((sum, { count }) => sum + count, 0), values.length);
    assert.ok(bins.length <= 17, `${bins.length} classes`);
    for (const value of values) {
      assert.ok(bins.some(({ low, high, count }) => count > 0 && low <= value + 1e-6 && value <= high + 1e-6));
    }
  }
});

test("rounding up keeps to the steps", () => {
  assert.deepEqual([0.3, 1, 1.1, 4.9, 51, 1000].map((value) => roundUp(value)), [0.5, 1, 2, 5, 100, 1000]);
  assert.equal(roundUp(230, [1, 1.5, 2, 3, 4, 5, 6, 8]), 300);
});

test("repeating keeps to the concurrency, and ends with its signal", async () => {
  const running = { now: 0, most: 0, done: 0 };
  const act = async () => {
    running.most = Math.max(running.most, ++running.now);
    await new Promise((resolve) => setImmediate(resolve));
    running.now -= 1;
    running.done += 1;
  };
  await repeat({ count: 20, concurrency: 3, signal: new AbortController().signal, act });
  assert.deepEqual(running, { now: 0, most: 3, done: 20 });
  const control = new AbortController();
  let count = 0;
  await repeat({ count: 20, concurrency: 2, signal: control.signal, act: async () => {
    count += 1;
    control.abort();
  } });
  assert.equal(count, 1);
});

const node = (name, role, counters = {}) => (
  { name, role, received: 0, forwarded: 0, from_clients: 0, pushed: 0, waiting: 0, connections: 0, dropped: {}, ...counters });
const exits = { exit: { packets_from_clients: 4, packets_to_clients: 6 } };

test("the stations of a small network stand in a row", () => {
  const nodes = [
    node("entry", "entry-gateway", { received: 30, forwarded: 50, from_clients: 50, pushed: 30 }),
    node("mix-1", "mix-node", { layer: 1, received: 60, forwarded: 60 }),
    node("mix-2", "mix-node", { layer: 2, received: 60, forwarded: 60 }),
    node("mix-3", "mix-node", { layer: 3, received: 60, forwarded: 60 }),
    node("exit", "exit-gateway", { received: 20, forwarded: 10, pushed: 20 }),
  ];
  const counters = { nodes, exits };
  const stations = placeStations(counters);
  assert.deepEqual(stations.map(({ label, column }) => [label, column]), [
    ["This page", 0], ["Entry gateway", 1], ["Mix node 1", 2], ["Mix node 2", 3], ["Mix node 3", 4], ["Exit gateway", 5],
    ["Web site", 6],
  ]);
  assert.deepEqual(stations.map(({ packets }) => packets(counters)), [80, 80, 60, 60, 60, 20, 10]);
  const ways = findWays(stations).map((way) => `${way.from.id} ${way.kind} ${way.to.id} ${way.packets(counters)}`);
  assert.deepEqual(ways, [
    "page out entry 50", "entry back page 30", "entry out mix-1 50", "mix-1 out mix-2 60", "mix-2 out mix-3 60",
    "mix-3 out exit 20", "exit arc mix-1 10", "mix-3 arc entry 30", "exit out site 4", "site back exit 6",
  ]);
});

test("several nodes of a kind share a column and their packets", () => {
  const nodes = [
    node("entry", "entry-gateway", { forwarded: 10 }), node("entry-2", "entry-gateway"),
    node("mix-1-1", "mix-node", { layer: 1 }), node("mix-1-2", "mix-node", { layer: 1 }),
    node("mix-2-1", "mix-node", { layer: 2 }), node("mix-3-1", "mix-node", { layer: 3 }),
    node("exit", "exit-gateway"), node("exit-2", "exit-gateway"),
  ];
  const counters = { nodes, exits };
  const stations = placeStations(counters);
  assert.deepEqual(stations.map(({ column }) => column), [0, 1, 1, 2, 2, 3, 4, 5, 5, 6]);
  assert.deepEqual(stations.filter(({ column }) => column === 2).map(({ label }) => label), ["Mix node 1.1", "Mix node 1.2"]);
  assert.equal(stations[1]?.label, "Entry gateway 1");
  const ways = findWays(stations);
  const one = ways.find(({ from, to }) => from.id === "entry" && to.id === "mix-1-2");
  assert.equal(one?.packets(counters), 5);
  const toSite = ways.filter(({ to }) => to.id === "site");
  assert.deepEqual(toSite.map(({ from, packets }) => [from.id, packets(counters)]), [["exit", 4], ["exit-2", 0]]);
  const known = new Set(stations);
  assert.ok(ways.every(({ from, to }) => known.has(from) && known.has(to)));
});

test("a picture is another one when a node is new or serves in another layer, not when it has counted", () => {
  const shape = (...nodes) => shapeOf({ nodes, exits: {} });
  const before = shape(node("mix-1", "mix-node", { layer: 1 }), node("exit", "exit-gateway"));
  assert.equal(shape(node("mix-1", "mix-node", { layer: 1, received: 7 }), node("exit", "exit-gateway")), before);
  assert.notEqual(shape(node("mix-1", "mix-node", { layer: 2 }), node("exit", "exit-gateway")), before);
  assert.notEqual(shape(node("mix-4", "mix-node", { layer: 1 }), node("exit", "exit-gateway")), before);
});
