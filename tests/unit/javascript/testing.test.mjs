// How the network for test runners is asked for, and what is said where it is not there.

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { MixNetworkError, argumentsFor, startMixNetwork } from "../../../packages/mix_network/js/index.mjs";

test("options become arguments", () => {
  assert.deepEqual(argumentsFor(), ["--allow-local", "--host", "app.test=127.0.0.1", "--dns", "none"]);
  assert.deepEqual(
    argumentsFor({
      mixes: "3x2", entries: 2, epoch: "60s", link: "delay=5ms loss=1%", allowLocal: [3000, 8080], hosts: {},
      allowOrigins: ["https://app.test"], arguments: ["--pcap", "exit.pcap"],
    }),
    ["--mixes", "3x2", "--entries", "2", "--epoch", "60s", "--link", "delay=5ms loss=1%", "--allow-local", "3000,8080",
      "--allow-origin", "https://app.test", "--pcap", "exit.pcap"],
  );
  assert.deepEqual(argumentsFor({ allowLocal: false, hosts: {} }), []);
});

test("where it is not installed the error says what to do", async () => {
  const before = { ...process.env }, folder = process.cwd();
  try {
    process.chdir(mkdtempSync(join(tmpdir(), "nothing-")));
    delete process.env.VIRTUAL_ENV;
    delete process.env.MIX_NETWORK_COMMAND;
    process.env.PATH = process.cwd();
    await assert.rejects(startMixNetwork(), (error) => error instanceof MixNetworkError
      && error.code === "testing.not_installed" && error.message.includes("pip install mix_network"));
  } finally {
    process.chdir(folder);
    Object.assign(process.env, before);
  }
});

test("a command that ends, and one that says nothing, are told apart from a network", async () => {
  const fails = (options, words) => assert.rejects(startMixNetwork(options), (error) => error.code === "testing.not_ready"
    && words.test(error.message));
  await fails({ command: ["node", "-e", "console.error('no, not today'); process.exit(3)", "--"] }, /ended with 3[^]*not today/);
  await fails({ command: ["node", "-e", "setTimeout(() => {}, 1e6)", "--"], timeoutMs: 500 }, /not ready within 500 ms/);
  await fails({ command: ["/nothing/here"] }, /can't be started/);
});
