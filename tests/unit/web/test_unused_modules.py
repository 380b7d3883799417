"""Modules of Python that are taken out of a core: what they alone have is gone, and nothing that anything else uses."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]

OWN = 10
"""Functions of the module that is taken out, beside the one that makes it."""
# Functions are numbered in the order of files: used, gone, last, a library; the table has them in the same order. The
# optimizer has found one of gone's functions to be the same as one of last's, which has an entry of its own for it.
CORE = """
(module
  (memory (export "memory") 1)
  (table (export "table") 20 funcref)
  (global (export "PyImport_Inittab") i32 (i32.const 1024))
  (elem (i32.const 1) $used $gone {own_entries} $static $last $own0)
  (data (i32.const 1024) "\\10\\04\\00\\00")
  (data (i32.const 1040) "\\80\\04\\00\\00\\02\\00\\00\\00\\88\\04\\00\\00\\01\\00\\00\\00")
  (data (i32.const 1056) "\\90\\04\\00\\00\\0e\\00\\00\\00")
  (data (i32.const 1152) "gone\\00\\00\\00\\00used\\00\\00\\00\\00last\\00\\00\\00\\00")
  (data (i32.const 1200) "\\88\\13\\00\\00")
  (data (i32.const 1300) "f($module, /)\\0a--\\0a\\0aFor people.\\00after")
  (data (i32.const 4096) "only gone has this")
  (data (i32.const 5000) "shared text")
  (data (i32.const 5012) "\\01\\02\\03")
  (data (i32.const 9000) "the last of a stretch may end anywhere")
  (data (i32.const 9600) "used")
  (func $used (export "PyInit_used") (result i32) (call $both))
  (func $static (result i32) (i32.load (i32.const 9600)))
  (func $gone (export "PyInit_gone") (result i32) (i32.const 4096))
  {own}
  (func $last (export "PyInit_last") (result i32) (i32.const 3))
  (func $open (export "lib_open") (result i32) (call $inner))
  (func $inner (result i32) (i32.const 4))
  (func $both (export "lib_both") (result i32) (i32.const 5))
  (func $never (export "never_called") (result i32) (i32.const 7))
  (func $other (export "other") (result i32) (i32.const 6))
)
"""
SCRIPT = """
import assert from "node:assert/strict";
import fs from "node:fs";
import { withoutModules } from "ROOT/web/unused_modules.mjs";

const core = fs.readFileSync(process.argv[1]);
const isKept = (name) => ["other", "memory", "table", "PyInit_used", "PyInit_last", "never_called"].includes(name);
const unused = { libraries: /^lib_/, behind: "never_called", functions: /^never/ };
const smaller = withoutModules(core, { ...unused, modules: ["gone"] }, isKept);
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(smaller));
const traps = (call) => assert.throws(call, WebAssembly.RuntimeError);
const entry = (index) => exports.table.get(index);

traps(entry(2)); // what makes it
for (let index = 4; index < 13; index += 1) {
  traps(entry(index)); // its own
}
assert.equal(entry(3)(), 0); // another's, too
assert.equal(entry(15)(), 0);
traps(exports.lib_open);
traps(exports.never_called);
assert.equal(exports.lib_both(), 5);
assert.equal(exports.PyInit_used(), 5);
assert.equal(entry(14)(), 3);
assert.equal(exports.other(), 6);

const memory = Buffer.from(exports.memory.buffer);
const textAt = (address) => memory.subarray(address, memory.indexOf(0, address)).toString();
const word = (address) => memory.readUInt32LE(address);
const names = [];
for (let at = word(1024); word(at) !== 0; at += 8) {
  names.push([textAt(word(at)), word(at + 4)]);
}
assert.deepEqual(names, [["used", 1], ["last", 14]]);
assert.equal(textAt(4096), "");
assert.equal(textAt(5000), "shared text");
assert.equal(textAt(5012), "");
assert.equal(textAt(9000), "the last of a stretch may end anywhere");
assert.equal(entry(13)(), Buffer.from("used").readUInt32LE());
assert.equal(textAt(1300), "f($module, /)\\n--\\n\\n");
assert.equal(textAt(1300 + 30), "after");
assert.throws(() => withoutModules(core, { ...unused, modules: ["gone", "never"] }, isKept), /has no never/);
console.log("done");
"""
FROZEN = """
import assert from "node:assert/strict";
import { clearFrozenModules } from "ROOT/web/frozen_modules.mjs";

const memory = new Uint8Array(512).fill(7);
const words = new Uint32Array(memory.buffer);
words[1] = 64; // where the list is
words.set([8, 128, 10, 0, 8, 200, 3, 1, 0], 16);
const cleared = clearFrozenModules(memory, [4]);
assert.deepEqual(cleared, [[128, 138], [200, 203]]);
const zeros = [...memory.keys()].filter((at) => at >= 128 && memory[at] === 0);
assert.deepEqual(zeros, [...Array(10).keys()].map((at) => at + 128).concat([200, 201, 202]));
console.log("done");
"""


def run(script: str, *arguments: Path) -> None:
    command = ["node", "--input-type=module", "--eval", script.replace("ROOT", str(ROOT)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"


def test_what_others_use_stays(tmp_path: Path):
    own = [f"(func $own{index} (result i32) (i32.const {index}))" for index in range(OWN)]
    own[1] = "(func $own1 (result i32) (i32.load (i32.const 9000)))"
    own[2] = "(func $own2 (result i32) (call $open))"
    own[3] = "(func $own3 (result i32) (call $both))"
    entries = " ".join(f"$own{index}" for index in range(OWN))
    text, core = tmp_path / "core.wat", tmp_path / "core.wasm"
    text.write_text(CORE.format(own="\n  ".join(own), own_entries=entries))
    assembler = ROOT / "node_modules/.bin/wasm-as"
    subprocess.run([assembler, text, "-o", core], check=True, capture_output=True)
    run(SCRIPT, core)


def test_frozen_modules_are_cleared():
    run(FROZEN)
