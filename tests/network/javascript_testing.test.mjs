// The network for JavaScript test runners, for real.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startMixNetwork } from "../../packages/mix_network/js/index.mjs";

/** @type {import("../../packages/mix_network/js/index.js").MixNetwork} */
let network;
before(async () => {
  network = await startMixNetwork({ mixes: "3x2" });
});
after(() => network.close());

const stateOf = async (name) => (await network.status()).nodes.find((node) => node.name === name)?.state;

test("its directory and its page answer", async () => {
  assert.equal((await fetch(`${network.directoryUrl}/v1/epoch/current`)).status, 200);
  assert.equal((await fetch(network.statusUrl)).status, 200);
});

test("nodes do what they are told", async () => {
  await network.kill("mix-1-1");
  assert.equal(await stateOf("mix-1-1"), "killed");
  await network.restart("mix-1-1");
  await network.stop("exit");
  assert.equal(await stateOf("exit"), "stopped");
  await network.slow("exit", "delay=1s");
  assert.equal(await stateOf("exit"), "slow");
  await network.resume("exit");
  assert.deepEqual(new Set((await network.status()).nodes.map(({ state }) => state)), new Set(["running"]));
  assert.equal(await network.addMix(3), "mix-3-3");
  const { rotation } = (await network.status()).epoch;
  assert.equal(await network.rotateKeys(), rotation + 1);
  await network.setLink("mobile");
  assert.equal((await network.status()).link, "mobile");
});

test("what can't be done is told by the network's own error", async () => {
  await assert.rejects(network.kill("mix-9"), (error) => error.code === "network.unknown_node"
    && error.fields.nodes.includes("mix-1-1"));
  await assert.rejects(network.setLink("latency=1s"), { code: "network.invalid_option" });
});

test("a network that has ended says so", async () => {
  const other = await startMixNetwork();
  await other.close();
  await assert.rejects(other.status(), { code: "testing.ended" });
});
