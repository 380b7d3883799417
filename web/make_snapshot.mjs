// Makes what the worker's Python starts from, out of the wheels that mix-tunnel needs:
//   snapshot.bin.gz        Pyodide's memory: Python started, and every pure-Python module of ours imported
//   site-packages.bin.gz   the wheels' files that the memory doesn't replace, one after the other
//   MODULE.wasm            a compiled module
//   site-packages.json     what they are: names, sizes, hashes
// usage: node make_snapshot.mjs PYODIDE_DIRECTORY OUTPUT_DIRECTORY
//
// Compiled modules can't be in the memory (a restored function table breaks them), so this fails when one was imported.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

// Node would print the line of Pyodide's core that threw, which is a megabyte, and lose the message behind it.
process.once("uncaughtException", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});

const [directory, output] = process.argv.slice(2).map((name) => path.resolve(name));
globalThis.fetch = async (resource) => {
  throw new Error(`a snapshot is made without network, and something wants ${resource?.url ?? resource}`);
};
const { loadPyodide } = await import(pathToFileURL(path.join(directory, "pyodide.mjs")));
const lock = JSON.parse(fs.readFileSync(path.join(directory, "pyodide-lock.json"), "utf8"));

/** @param {string} name */
function* findDependencies(name, seen = new Set()) {
  if (!seen.has(name)) {
    seen.add(name);
    yield name;
    for (const other of lock.packages[name].depends) {
      yield* findDependencies(other, seen);
    }
  }
}

/** The files of the wheels, with bytecode beside each module: name below site-packages -> content. */
async function unpackWheels() {
  const python = await loadPyodide({ indexURL: `${directory}/` });
  const extractDir = python.runPython("import site; site.getsitepackages()[0]");
  for (const name of findDependencies("mix-tunnel")) {
    const wheel = fs.readFileSync(path.join(directory, lock.packages[name].file_name));
    python.unpackArchive(new Uint8Array(wheel), "wheel", { extractDir });
  }
  // Bytecode that is never compared with its source: nobody changes the worker's files.
  const names = python.runPython(`
import compileall
import os
import py_compile

root = site.getsitepackages()[0]
if not compileall.compile_dir(root, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH):
    raise SystemExit("a module cannot be compiled")
sorted(os.path.relpath(os.path.join(folder, file), root) for folder, _, files in os.walk(root) for file in files)
`);
  return new Map(names.toJs().map((name) => [name, python.FS.readFile(`${extractDir}/${name}`)]));
}

/** @param {Uint8Array} bytes */
function integrityOf(bytes) {
  return `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 */
function put(name, bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  fs.writeFileSync(path.join(output, name), packed);
  return packed;
}

const files = await unpackWheels();
// Another Python, since what compiling leaves behind in memory would be a fifth of the snapshot.
const python = await loadPyodide({ indexURL: `${directory}/`, _makeSnapshot: true });
const sitePackages = python.runPython("import site; site.getsitepackages()[0]"); // where the worker will have them too
for (const [name, content] of files) {
  if (!name.endsWith(".so")) {
    python.FS.mkdirTree(path.dirname(`${sitePackages}/${name}`));
    python.FS.writeFile(`${sitePackages}/${name}`, content);
  }
}
const report = python.runPython(`
import importlib.util
import json
import os
import pkgutil
import sys

NOT_FOR_WORKERS = ("mix_tunnel.cli", "mix_tunnel.platform.native")
for package in ("mix_protocol", "mix_tunnel"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.startswith(NOT_FOR_WORKERS):
            importlib.import_module(module.name)
# Of the standard library, what compiled modules import, and others when it is first needed.
for name in ("_strptime", "decimal", "encodings.ascii", "importlib.readers", "importlib.resources._adapters", "numbers"):
    importlib.import_module(name)
for name in ("certifi", "dns.message", "dns.rdtypes.ANY.CNAME", "dns.rdtypes.IN.A", "dns.rdtypes.IN.AAAA", "h11"):
    importlib.import_module(name)
importlib.invalidate_caches()
loaded = {name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}
root = site.getsitepackages()[0]
sources = [file for file in loaded.values() if file.startswith(root) and file.endswith(".py")]
files = [*sources, *map(importlib.util.cache_from_source, sources)]
json.dumps({
    "compiled": [name for name, file in loaded.items() if file.endswith(".so")],
    "replaced": [os.path.relpath(file, root) for file in files],
})
`);
const { compiled, replaced } = JSON.parse(report);
if (compiled.length > 0) {
  console.error(`compiled modules were imported, which a snapshot cannot hold: ${compiled.join(", ")}`);
  process.exit(1);
}
put("snapshot.bin.gz", python.makeMemorySnapshot());
replaced.forEach((name) => files.delete(name));
const modules = [...files].filter(([name]) => name.endsWith(".so")).map(([name, content]) => {
  const file = `${name.slice(0, name.indexOf(".")).replaceAll("/", ".")}.wasm`;
  fs.writeFileSync(path.join(output, file), content);
  files.delete(name);
  return [name, file, integrityOf(content)];
});
const archive = put("site-packages.bin.gz", Buffer.concat([...files.values()]));
const index = {
  path: sitePackages,
  integrity: integrityOf(archive),
  files: [...files].map(([name, content]) => [name, content.length]),
  modules,
};
fs.writeFileSync(path.join(output, "site-packages.json"), JSON.stringify(index));
process.exit(0);
