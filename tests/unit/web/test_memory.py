"""What the worker's memory is made of: a module without data gives the same memory as with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = """
import assert from "node:assert/strict";
import { withoutData } from "ROOT/web/wasm_data.mjs";

// A memory of one page and three segments: at 16, 24 and 128.
const code = (text) => [...new TextEncoder().encode(text)];
const module = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  5, 3, 1, 0, 1,
  7, 10, 1, 6, ...code("memory"), 2, 0,
  11, 24, 3,
  0, 0x41, 16, 0x0b, 3, ...code("abc"),
  0, 0x41, 24, 0x0b, 2, ...code("de"),
  0, 0x41, 0x80, 0x01, 0x0b, 2, ...code("fg"),
]);
const memoryOf = (bytes) => {
  const { memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return new Uint8Array(memory.buffer);
};
const whole = memoryOf(module);
const snapshot = whole.slice();
snapshot[129] = 7; // changed since
const { module: smaller, left } = withoutData(module, snapshot);
const filled = memoryOf(smaller);
assert.equal(filled[16], 0);
assert.equal(filled[128], code("f")[0]);
assert.deepEqual(left, [[16, 26]]);
left.forEach(([start, end]) => filled.set(snapshot.subarray(start, end), start));
assert.deepEqual(filled, whole);
const passive = Uint8Array.from([...module.subarray(0, 8), 11, 4, 1, 1, 1, 0]);
assert.throws(() => withoutData(passive, snapshot), /fixed address/);
console.log("done");
"""


def test_memories_come_back_as_they_were():
    script = SCRIPT.replace("ROOT", str(ROOT))
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"
