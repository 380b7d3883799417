// Starts Python from the memory snapshot, as the worker does, and says what it found.
// usage: node snapshot.mjs DIST [first]
//     first    as on a first visit, whose worker imports most of our modules later: some for a set-up, others after it
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const dist = path.resolve(process.argv[2]);
const folder = path.join(dist, "mix-tunnel/pyodide/");
const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")));
const { unpack } = await import(pathToFileURL(path.join(dist, "mix-tunnel/site_packages.js")));
const { readSnapshot, Snapshot, withMemory } = await import(pathToFileURL(path.join(dist, "mix-tunnel/snapshot.js")));
const [base, own] = ["base.bin", "own.bin"].map((name) => new Uint8Array(fs.readFileSync(path.join(folder, name))));
const isFirst = process.argv[3] === "first";
let kept;
const note = (memory) => (kept = createHash("sha256").update(new Uint8Array(memory)).digest("base64"));
const snapshot = new Snapshot(isFirst ? null : note);
const parts = { ...readSnapshot(base.buffer), own };
const index = JSON.parse(fs.readFileSync(path.join(folder, "site-packages.json"), "utf8"));
const data = Promise.resolve(index.data);
const options = { indexURL: folder, _loadSnapshot: snapshot };
const python = await withMemory(snapshot, Promise.resolve(parts), data, () => loadPyodide(options));
if (isFirst) {
  console.log(python.runPython(`
import json, sys
own = lambda: [name for name in sys.modules if name.startswith("mix_")]
at_first = own()
import mix_tunnel.runtime.driver
(waiting,) = (finder for finder in sys.meta_path if hasattr(finder, "import_next"))
counts = [len(own())]
counts += [len(own()) for _ in iter(waiting.import_next, False)]
json.dumps({"at_first": at_first, "counts": counts, "in_the_end": own(), "is_over": waiting not in sys.meta_path})
`));
  process.exit(0);
}
const contents = new Uint8Array(fs.readFileSync(path.join(folder, "site-packages.bin")));
const modules = index.modules.map(([name, file]) => {
  return [name, new WebAssembly.Module(fs.readFileSync(path.join(folder, file)))];
});
const exportsOf = (file) => WebAssembly.Module.exports(new WebAssembly.Module(fs.readFileSync(file))).map(({ name }) => name);
const exported = exportsOf(path.join(folder, "pyodide.asm.wasm"));
const whole = new Set(exportsOf(path.join(dist, "../../build/pyodide/pyodide.asm.wasm")));
exported.forEach((name) => whole.delete(name));
const lost = modules.flatMap(([, module]) => WebAssembly.Module.imports(module)).filter(({ name }) => whole.has(name));
unpack(python, { index, contents, modules });
const port = { post() {}, listen() {} };
const before = python.runPython(`
import json, sys
json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()})
`);
python.pyimport("importlib").invalidate_caches();
python.pyimport("mix_tunnel.worker.main").start(false, fetch).open(port);
const found = python.runPython(`
import importlib.util, sys
early = sorted({"ssl", "_ssl", "_hashlib", "_oscrypto"} & sys.modules.keys())
import certifi, hashlib, json, os, random, ssl
from mix_tunnel.runtime.http.decoders import ZstdDecoder
from mix_protocol.crypto.worker import WorkerCrypto
import nacl.bindings

crypto = WorkerCrypto()
json.dumps({
    "early": early,
    "zstd": ZstdDecoder().decode(bytes.fromhex("28b52ffd20d2750000386d69786e65742001004851c508"), 1000).decode(),
    "builtin": sys.builtin_module_names,
    "frozen": [name for name in ("runpy", "__hello__", "__phello__") if "frozen" in str(importlib.util.find_spec(name))],
    "hash": hash("mix"),
    "urandom": os.urandom(16).hex(),
    "random": random.random(),
    "nacl": nacl.bindings.randombytes(16).hex(),
    "ssl": ssl.RAND_bytes(16).hex(),
    "roots": len(certifi.contents()),
    "x25519": crypto.x25519_public(bytes(32)).hex(),
    "sha256": hashlib.sha256(b"").hexdigest(),
})
`);
const later = python.runPython(`
import importlib, inspect, site, sys, types, zipfile

def name_of(file):
    return file.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")

(archive,) = (path for path in sys.path if path.endswith(".zip"))
names = [name for name in zipfile.ZipFile(archive).namelist()]
root = site.getsitepackages()[0]
names += [os.path.relpath(os.path.join(folder, file), root) for folder, _, files in os.walk(root) for file in files]
imported, failed = [], {}
for name in sorted(name_of(name) for name in names if name.endswith(".pyc") and "__pycache__" not in name):
    try:
        importlib.import_module(name)
        imported.append(name)
    except Exception as error:
        failed[name] = repr(error)

functions = [
    (f"{name}.{value.__qualname__}", value)
    for name, module in list(sys.modules.items())
    for value in list(getattr(module, "__dict__", {}).values())
    if isinstance(value, types.FunctionType) and value.__module__ == name and value.__code__.co_filename[0] != "<"
]
from mix_protocol.codec.reader import Cursor
try:
    Cursor(b"", "test").take(1)
except Exception as error:
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    code = last.tb_frame.f_code
    frame = {"file": code.co_filename, "function": code.co_name, "line": last.tb_lineno}
json.dumps({
    "imported": imported,
    "failed": failed,
    "docstrings": [name for name, value in functions if value.__code__.co_flags & inspect.CO_HAS_DOCSTRING],
    "columns": any(column for _, value in functions for *_, column in value.__code__.co_positions()),
    "frame": frame,
})
`);
console.log(JSON.stringify({ kept, exported: exported.length, lost, ...JSON.parse(found), ...JSON.parse(later), before: JSON.parse(before) }));
process.exit(0);
