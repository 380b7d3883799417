// Makes Pyodide's memory snapshot: Python started, and every pure-Python module of ours imported.
// usage: node make_snapshot.mjs PYODIDE_DIRECTORY OUTPUT.gz
//
// Compiled modules can't be in it (a restored function table breaks them), so this fails when one was imported. The
// wheels' files are not in it either: the worker loads the wheels, and what is imported already needs no file.
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
const python = await loadPyodide({ indexURL: `${directory}/`, _makeSnapshot: true });
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

// Where the worker will have the same files.
const extractDir = python.runPython("import site; site.getsitepackages()[0]");
for (const name of findDependencies("mix-tunnel")) {
  const wheel = lock.packages[name].file_name;
  if (wheel.endsWith("-none-any.whl")) {
    python.unpackArchive(new Uint8Array(fs.readFileSync(path.join(directory, wheel))), "wheel", { extractDir });
  }
}
const report = python.runPython(`
import importlib
import json
import pkgutil
import sys

NOT_FOR_WORKERS = ("mix_tunnel.cli", "mix_tunnel.platform.native")
for package in ("mix_protocol", "mix_tunnel"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not module.name.startswith(NOT_FOR_WORKERS):
            importlib.import_module(module.name)
for name in ("certifi", "dns.message", "dns.rdtypes.ANY.CNAME", "dns.rdtypes.IN.A", "dns.rdtypes.IN.AAAA", "h11"):
    importlib.import_module(name)
importlib.invalidate_caches()
compiled = [name for name, module in sys.modules.items() if str(getattr(module, "__file__", "")).endswith(".so")]
json.dumps({"modules": len(sys.modules), "compiled": compiled})
`);
const { modules, compiled } = JSON.parse(report);
if (compiled.length > 0) {
  console.error(`compiled modules were imported, which a snapshot cannot hold: ${compiled.join(", ")}`);
  process.exit(1);
}
fs.writeFileSync(output, gzipSync(python.makeMemorySnapshot(), { level: 9 }));
console.log(`${modules} modules`);
process.exit(0);
