// The picture of a local network: where its nodes stand and where a packet is at a moment.

import assert from "node:assert/strict";
import test from "node:test";

import { END_S, FLIGHT_S, Packets, between, placeNodes, ratesOf } from
  "../../../packages/mix_network/src/mix_network/status_page/picture.js";

const node = (name, role, fields = {}) => (
  { name, role, state: "running", layer: null, received: 0, forwarded: 0, waiting: 0, dropped: {}, ...fields });
const NODES = [
  node("entry", "entry-gateway"), node("entry-2", "entry-gateway"),
  node("mix-1", "mix-node", { layer: 1 }), node("mix-2", "mix-node", { layer: 2 }), node("mix-3", "mix-node", { layer: 3 }),
  node("exit", "exit-gateway"),
];
const step = (number, at, name, last = false) => ({ number, at, packet: 7, node: name, kind: "packet", last });

test("nodes stand in the columns of their layers, in the middle of the height", () => {
  const { places, columns, height } = placeNodes(NODES);
  assert.deepEqual(columns.map(({ label }) => label), ["entry gateways", "layer 1", "layer 2", "layer 3", "exit gateways"]);
  assert.equal(places.get("mix-1").x, columns[1].x);
  assert.equal(places.get("mix-1").y, (places.get("entry").y + places.get("entry-2").y) / 2);
  assert.ok([...places.values()].every(({ y }) => y > 0 && y < height));
  const waiting = placeNodes([...NODES, node("mix-4", "mix-node")]);
  assert.equal(waiting.columns.at(-1).label, "no layer");
  assert.equal(waiting.places.get("mix-4").x, waiting.columns.at(-1).x);
});

test("rates are what came between two looks, and none for a node that is new", () => {
  const before = [node("mix-1", "mix-node", { received: 100 })];
  const now = [node("mix-1", "mix-node", { received: 150 }), node("mix-2", "mix-node", { received: 70 })];
  assert.deepEqual([...ratesOf(before, now, 0.5)], [["mix-1", 100], ["mix-2", 0]]);
});

test("a packet waits at a node, sets out in time for the next one, and is forgotten at its end", () => {
  const packets = new Packets();
  packets.add([step(1, 10, "entry"), step(2, 12, "mix-1")]);
  packets.add([step(3, 13, "exit", true)]);
  assert.equal(packets.newest, 3);
  assert.deepEqual(packets.at(9), []);
  assert.deepEqual(packets.at(10.5), [{ packet: 7, kind: "packet", route: ["entry"], to: "mix-1", share: 0 }]);
  const [flying] = packets.at(12 - FLIGHT_S / 2);
  assert.ok(Math.abs(flying.share - 0.5) < 1e-9);
  assert.deepEqual(packets.at(13)[0].route, ["entry", "mix-1", "exit"]);
  assert.deepEqual(packets.at(13 + END_S + 0.01), []);
  assert.deepEqual(packets.at(13), []);
  assert.deepEqual(between({ x: 0, y: 10 }, { x: 10, y: 20 }, 0.5), { x: 5, y: 15 });
});

test("a packet that is lost does not stay in the picture", () => {
  const packets = new Packets();
  packets.add([step(1, 10, "entry")]);
  assert.equal(packets.at(12).length, 1);
  assert.equal(packets.at(60).length, 0);
});
