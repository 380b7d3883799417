// Starts Python from the memory snapshot, as the worker does, and says what it found.
// usage: node snapshot.mjs DIST
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const dist = path.resolve(process.argv[2]);
const folder = path.join(dist, "mix-tunnel/pyodide/");
const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")));
const { unpack } = await import(pathToFileURL(path.join(dist, "mix-tunnel/site_packages.js")));
const { withRoomFor } = await import(pathToFileURL(path.join(dist, "mix-tunnel/snapshot.js")));
const packed = gunzipSync(fs.readFileSync(path.join(folder, "snapshot.bin.gz")));
const snapshot = packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength);
const python = await withRoomFor(snapshot, () => loadPyodide({ indexURL: folder, _loadSnapshot: snapshot }));
const index = JSON.parse(fs.readFileSync(path.join(folder, "site-packages.json"), "utf8"));
const contents = new Uint8Array(gunzipSync(fs.readFileSync(path.join(folder, "site-packages.bin.gz"))));
const modules = index.modules.map(([name, file]) => {
  return [name, new WebAssembly.Module(fs.readFileSync(path.join(folder, file)))];
});
unpack(python, { index, contents, modules });
const port = { post() {}, listen() {} };
const before = python.runPython(`
import json, sys
json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()})
`);
python.pyimport("importlib").invalidate_caches();
python.pyimport("mix_tunnel.worker.main").start(false, fetch).open(port);
const found = python.runPython(`
import sys
early = sorted({"ssl", "_ssl", "_hashlib", "_oscrypto"} & sys.modules.keys())
import certifi, hashlib, json, os, random, ssl
from mix_protocol.crypto.worker import WorkerCrypto
import nacl.utils

crypto = WorkerCrypto()
json.dumps({
    "early": early,
    "bytecode": nacl.utils.__spec__.cached,
    "urandom": os.urandom(16).hex(),
    "random": random.random(),
    "nacl": nacl.utils.random(16).hex(),
    "ssl": ssl.RAND_bytes(16).hex(),
    "roots": len(certifi.contents()),
    "x25519": crypto.x25519_public(bytes(32)).hex(),
    "sha256": hashlib.sha256(b"").hexdigest(),
})
`);
console.log(JSON.stringify({ ...JSON.parse(found), before: JSON.parse(before) }));
process.exit(0);
