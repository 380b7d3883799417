// A worker's modules come in one round trip after its own: each level of imports below would cost another.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../../packages/mix_tunnel/js/", import.meta.url);
const importsOf = (name) => {
  const code = fs.readFileSync(new URL(name, FOLDER), "utf8");
  return [...code.matchAll(/^(?:import|export|\})[^"\n]*"\.\/([\w.]+)"/gm)].map(([, imported]) => imported);
};

test("whatever the worker's modules import, the worker imports itself", () => {
  const direct = new Set(importsOf("worker.js"));
  assert.ok(direct.size > 5);
  const found = new Set();
  const visit = (name) => importsOf(name).forEach((other) => found.has(other) || (found.add(other), visit(other)));
  visit("worker.js");
  assert.deepEqual([...found].sort(), [...direct].sort());
});
