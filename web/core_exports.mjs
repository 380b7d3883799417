// Takes out of Pyodide's core what nothing that is shipped uses: it exports all of its functions for modules compiled by
// anybody, and each start wraps all of them.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { withoutModules } from "./unused_modules.mjs";

const METADCE = fileURLToPath(new URL("../node_modules/.bin/wasm-metadce", import.meta.url));

/** What Pyodide's core is compiled with. */
const FEATURES = [
  "bulk-memory", "exception-handling", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types",
  "sign-ext",
];

/** How Emscripten's glue takes an export, for itself and for whoever has the module. */
const TAKEN = /(?<=[;{])(?:\w+=|Module\["\w+"\]=)+wasmExports\["(\w+)"\](?:\.value>>>0)?(?:;|(?=\}))/g;
/** Where it declares the names for them. */
const DECLARED = /\bvar (?:\w+,){500,}\w+(?=;)/g;

/**
 * The names that compiled modules, other programs, or the core's own tables want.
 *
 * @param {Uint8Array} core
 * @param {Iterable<Uint8Array>} modules
 */
function findWanted(core, modules) {
  const wanted = new Set();
  for (const bytes of modules) {
    WebAssembly.Module.imports(new WebAssembly.Module(bytes)).forEach(({ name }) => wanted.add(name));
  }
  for (const { module, name } of WebAssembly.Module.imports(new WebAssembly.Module(core))) {
    if (module.startsWith("GOT.")) {
      wanted.add(name); // the address of a function of its own
    }
  }
  return wanted;
}

/**
 * Write the core without unused modules, those exports that neither its glue nor any module uses, and what only they use.
 *
 * @param {string} source folder of pyodide.asm.wasm and pyodide.asm.mjs
 * @param {string} target folder
 * @param {Uint8Array[]} modules all that may be loaded
 * @param {string[]} others exports that somebody else uses
 * @param {Parameters<typeof withoutModules>[1]} unused
 */
export function trimCore(source, target, modules, others, unused) {
  const [wasm, glue] = ["pyodide.asm.wasm", "pyodide.asm.mjs"];
  const core = fs.readFileSync(path.join(source, wasm));
  const code = fs.readFileSync(path.join(source, glue), "utf8");
  const names = WebAssembly.Module.exports(new WebAssembly.Module(core)).map(({ name }) => name);
  const wanted = findWanted(core, modules);
  const words = new Set(code.replace(TAKEN, "").replace(DECLARED, "").match(/\w+/g));
  const isKept = (name) => wanted.has(name) || others.includes(name) || words.has(name) || words.has(`_${name}`);
  const missing = others.filter((name) => !names.includes(name));
  const gone = new Set(names.filter((name) => !isKept(name)).map((name) => `_${name}`));
  if (missing.length > 0 || gone.size < names.length / 2) {
    throw new Error(`Pyodide's core is not as expected: ${gone.size} of ${names.length} exports unused, ${missing} missing`);
  }
  const graph = path.join(target, "exports.json");
  const roots = names.filter(isKept).map((name) => ({ name: `export ${name}`, root: true, export: name }));
  fs.writeFileSync(graph, JSON.stringify(roots));
  const smaller = path.join(target, "smaller.wasm");
  fs.writeFileSync(smaller, withoutModules(core, unused, isKept));
  const files = [smaller, "--graph-file", graph, "-o", path.join(target, wasm)];
  execFileSync(METADCE, [...FEATURES.map((name) => `--enable-${name}`), "--quiet", ...files], { stdio: ["ignore", "ignore", "inherit"] });
  [graph, smaller].forEach((file) => fs.rmSync(file));
  const trimmed = code
    .replace(TAKEN, (text, name) => (isKept(name) ? text : ""))
    .replace(DECLARED, (text) => `var ${text.slice(4).split(",").filter((name) => !gone.has(name)).join(",")}`);
  fs.writeFileSync(path.join(target, glue), trimmed);
}
