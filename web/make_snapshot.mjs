// Makes what the worker's Python starts from, out of the wheels that mix-tunnel needs:
//   base.bin               Pyodide's memory: Python started, and what others wrote imported
//   own.bin                bytecode that imports every module of ours into that memory
//   pyodide.asm.wasm       Pyodide's core without the data that the memory has and the exports that nobody uses
//   pyodide.asm.mjs        Emscripten's glue for it
//   python_stdlib.zip      the modules of the standard library that may be imported later
//   site-packages.bin      the wheels' files that may be needed later, one after the other
//   MODULE.wasm            a compiled module
//   site-packages.json     what they are: names, sizes, hashes
// usage: node make_snapshot.mjs PYODIDE_DIRECTORY OUTPUT_DIRECTORY
//
// Compiled modules can't be in the memory (a restored function table breaks them), so this fails when one was imported.
import nodeCrypto, { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { trimCore } from "./core_exports.mjs";
import { clearFreeMemory } from "./free_memory.mjs";
import { clearFrozenModules } from "./frozen_modules.mjs";
import { packSnapshot } from "./sparse_snapshot.mjs";
import { readProgram } from "./wasm_code.mjs";
import { readData, withoutData, writeData } from "./wasm_data.mjs";

// Node would print the line of Pyodide's core that threw, which is a megabyte, and lose the message behind it.
process.once("uncaughtException", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});

const ROOM_BYTES = 2 ** 23;
/** What `mix-tunnel/snapshot.js` and `free_memory.mjs` call. */
const USED_EXPORTS = [
  "PyDict_New", "PyErr_Print", "PyEval_EvalCode", "PyMarshal_ReadObjectFromString", "PyObject_Free", "PyObject_Malloc",
  "Py_DecRef", "free", "malloc", "memory", "sbrk",
];
/** What a worker needs before it can say that it is there, and then for a tunnel; the rest comes while the exit is asked. */
const PAGE_WAITS = ["page", "main", "event_loop", "sharing"].map((name) => `mix_tunnel.worker.${name}`);
PAGE_WAITS.push("mix_tunnel.platform.browser", "mix_tunnel.tunnel");
const TUNNEL_WAITS = ["mix_tunnel.runtime.driver", "mix_tunnel.runtime.http.transport", "mix_tunnel.runtime.http"];
const FROZEN_LISTS = ["_PyImport_FrozenBootstrap", "_PyImport_FrozenStdlib", "_PyImport_FrozenTest"];
const UNUSED = {
  /** Built-in modules that no worker imports, or whose work others do. */
  modules: [
    "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw", "_ctypes", "_elementtree",
    "_hmac", "_lsprof", "_lzma", "_multibytecodec", "_pickle", "_posixsubprocess", "_queue", "_remote_debugging", "_sqlite3",
    "_statistics", "_testbuffer", "_testcapi", "_testclinic", "_testclinic_limited", "_testinternalcapi", "_testlimitedcapi",
    "_xxtestfuzz", "_zoneinfo", "cmath", "fcntl", "mmap", "pyexpat", "termios", "xxsubtype",
  ],
  /** What names in the libraries begin with that they stand on; others of those libraries are between these. */
  libraries: /^(?:sqlite3_|lzma_)/,
  behind: "FSE_versionNumber",
  /** Workers decode zstd, but nobody encodes. */
  functions: /^(?:ZSTD_compress[^B]|ZSTD_compressBlock_|ZSTD_createC|ZSTD_ldm_|ZSTDMT_|ZDICT_|COVER_|FASTCOVER_|divsufsort)/,
};
const [directory, output] = process.argv.slice(2).map((name) => path.resolve(name));
// The same inputs give the same memory, so that browsers can keep what did not change. It holds no secrets: what Python
// drew for its hashes is known to everybody anyway.
process.argv.length = 1; // Python would keep the names of this machine's folders
const moment = Number(process.env.SOURCE_DATE_EPOCH) * 1000;
Date.now = () => moment;
performance.now = () => 0;
crypto.getRandomValues = (array) => array.fill(0);
nodeCrypto.randomFillSync = (array) => array.fill(0); // what Emscripten takes in Node
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

/**
 * A Python that has compiled everything there is: `STANDARD` and `SITE` are the files of the standard library and of the
 * wheels, bytecode in place of sources, by their names.
 */
async function compileEverything() {
  const python = await loadPyodide({ indexURL: `${directory}/` });
  const extractDir = python.runPython("import site; site.getsitepackages()[0]");
  for (const name of findDependencies("mix-tunnel")) {
    const wheel = fs.readFileSync(path.join(directory, lock.packages[name].file_name));
    python.unpackArchive(new Uint8Array(wheel), "wheel", { extractDir });
  }
  for (const name of ["compact_code.py", "own_bytecode.py", "import_own.py"]) {
    python.FS.writeFile(`/tmp/${name}`, fs.readFileSync(new URL(name, import.meta.url)));
  }
  python.runPython(`
import importlib.util
import pathlib
import sys
import zipfile

sys.path.insert(0, "/tmp")
from compact_code import as_pyc, compact, imports_of, module_name, reachable, stored_zip

CODES = {}

def compiled(files):
    out = {}
    for name, content in files:
        if name.endswith(".py"):
            code = compact(content, name)
            CODES[module_name(name)] = code, name.endswith("/__init__.py")
            name, content = f"{name}c", as_pyc(code)
        out[name] = content
    return out

root = pathlib.Path(site.getsitepackages()[0])
found = sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*") if path.is_file())
SITE = compiled((name, path.read_bytes()) for name, path in found)
(archive,) = (path for path in sys.path if path.endswith(".zip"))
with zipfile.ZipFile(archive) as opened:
    STANDARD = compiled((name, opened.read(name)) for name in opened.namelist() if not name.endswith("/"))
`);
  return python;
}

/** The bytes that code of Python gives. */
function bytesOf(python, code) {
  const proxy = python.runPython(code);
  const bytes = proxy.toJs();
  proxy.destroy();
  return bytes;
}

/** The files in a dictionary of Python: name -> content. */
function filesOf(python, expression) {
  const names = python.runPython(`list(${expression})`).toJs();
  return new Map(names.map((name) => [name, bytesOf(python, `(${expression})[${JSON.stringify(name)}]`)]));
}

/**
 * Write a file, and tell its integrity.
 *
 * @param {string} name
 * @param {Uint8Array} bytes
 */
function put(name, bytes) {
  fs.writeFileSync(path.join(output, name), bytes);
  return `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
}

const compiler = await compileEverything();
const files = filesOf(compiler, "SITE");
// Another Python, since what compiling leaves behind in memory would be a fifth of the snapshot.
const worker = fs.mkdtempSync(path.join(os.tmpdir(), "snapshot-"));
process.once("exit", () => fs.rmSync(worker, { recursive: true }));
const extensions = [...files].filter(([name]) => name.endsWith(".so")).map(([, content]) => content);
trimCore(directory, worker, extensions, USED_EXPORTS, UNUSED);
fs.writeFileSync(path.join(worker, "python_stdlib.zip"), bytesOf(compiler, "stored_zip(STANDARD)"));
for (const name of ["pyodide.mjs", "pyodide-lock.json"]) {
  fs.copyFileSync(path.join(directory, name), path.join(worker, name));
}
const python = await loadPyodide({ indexURL: `${worker}/`, _makeSnapshot: true });
const sitePackages = python.runPython("import site; site.getsitepackages()[0]"); // where the worker will have them too

/** The memory as a snapshot, without what Python has only to be quicker, and with the files of the worker to be found. */
function makeSnapshot() {
  python.runPython(`
_imp._override_frozen_modules_for_tests(-1)  # whatever is frozen comes from the archive from now on
importlib.invalidate_caches()
sys.path_importer_cache.clear()
sys.modules["zipimport"]._zip_directory_cache.clear()
for each in gc.get_objects():
    if type(each) is functools._lru_cache_wrapper:
        each.cache_clear()
del each
gc.collect()
sys._clear_internal_caches()
`);
  clearFreeMemory(python._module);
  return python.makeMemorySnapshot();
}

for (const [name, content] of files) {
  if (!/^mix_|\.so$/.test(name)) {
    python.FS.mkdirTree(path.dirname(`${sitePackages}/${name}`));
    python.FS.writeFile(`${sitePackages}/${name}`, content);
  }
}
python.runPython(`
import _imp
import functools
import gc
import importlib.util
import json
import sys

# What our modules import, now or when something is first needed; and what compiled modules import. One that is missing
# here works as well, but its part of the memory changes with ours.
BASE = """
    _strptime asyncio base58 base64 bisect certifi codecs concurrent.futures contextlib copy dataclasses datetime decimal
    dns.exception dns.flags dns.message dns.name dns.rcode dns.rdata dns.rdataclass dns.rdatatype dns.rdtypes.ANY.CNAME
    dns.rdtypes.IN.A dns.rdtypes.IN.AAAA dns.rdtypes.svcbbase dns.rrset encodings.ascii enum functools h11 h2.config
    h2.connection h2.errors h2.events h2.exceptions h2.settings hashlib heapq hmac hpack idna importlib.readers
    importlib.resources._adapters importlib.util ipaddress itertools js logging math numbers os pathlib publicsuffixlist random
    re secrets ssl struct threading time types typing unicodedata urllib.parse uuid weakref websockets.client
    websockets.datastructures websockets.exceptions websockets.extensions.permessage_deflate websockets.frames
    websockets.headers websockets.http11 websockets.protocol websockets.typing websockets.uri zlib
"""
importlib.invalidate_caches()
for name in BASE.split():
    importlib.import_module(name)
del name
`);
// Room for our modules, so that importing them in a worker makes no memory grow.
python._module._free(python._module._malloc(ROOM_BYTES));
const { addresses } = readProgram(fs.readFileSync(path.join(directory, "pyodide.asm.wasm")));
const frozen = clearFrozenModules(python._module.HEAPU8, FROZEN_LISTS.map((name) => addresses.get(name)));
const base = makeSnapshot();
const wasm = fs.readFileSync(path.join(worker, "pyodide.asm.wasm"));
const data = readData(wasm);
frozen.forEach(([start, end]) => data.fill(0, start, end));
writeData(wasm, data);
const core = withoutData(wasm, python._module.HEAPU8);
put("pyodide.asm.wasm", core.module);
fs.copyFileSync(path.join(worker, "pyodide.asm.mjs"), path.join(output, "pyodide.asm.mjs"));

const FIND_OWN = `
from own_bytecode import importer, packed

OWN = {
    name: CODES[name]
    for name in sorted(reachable(["mix_tunnel.worker.main"], CODES, {"mix_tunnel.cli", "mix_tunnel.platform.native"}))
    if name.startswith(("mix_protocol", "mix_tunnel"))
}
IMPORT = pathlib.Path("/tmp/import_own.py").read_bytes()
`;
compiler.runPython(FIND_OWN);
python.globals.set("OWN", bytesOf(compiler, `packed(importer(IMPORT, OWN, 0, {}, ${JSON.stringify(sitePackages)}))`));
const report = python.runPython(`
import marshal

before = set(sys.modules)
space = {}
exec(marshal.loads(OWN.to_bytes()), space)

class Noting(space["_Loader"]):
    def exec_module(self, module):
        super().exec_module(module)
        order.append(module.__name__)

order = []
space["_Loader"] = Noting
for name in ${JSON.stringify(PAGE_WAITS)}:
    importlib.import_module(name)
first = len(order)
for name in ${JSON.stringify(TUNNEL_WAITS)}:
    importlib.import_module(name)
while space["modules"].import_next():
    pass
loaded = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
json.dumps({
    "compiled": [name for name, file in loaded.items() if file.endswith(".so")],
    "loaded": list(loaded),
    "order": order,
    "first": first,
    "late": [name for name in loaded if name not in before and not name.startswith("mix_")],
})
`);
const { compiled, loaded, late, order, first } = JSON.parse(report);
if (compiled.length > 0) {
  console.error(`compiled modules were imported, which a snapshot cannot hold: ${compiled.join(", ")}`);
  process.exit(1);
}
if (late.length > 0) {
  console.error(`to be imported with BASE, so that browsers can keep it: ${late.join(", ")}`);
  process.exit(1);
}
compiler.globals.set("generated", bytesOf(python, 'marshal.dumps(space["GENERATED"])'));
compiler.globals.set("folder", sitePackages);
compiler.globals.set("order", compiler.toPy(order));
compiler.globals.set("first", first);
const own = bytesOf(compiler, `
import marshal
packed(importer(IMPORT, {name: OWN[name] for name in order}, first, marshal.loads(generated.to_bytes()), folder))
`);
const integrity = { base: put("base.bin", packSnapshot(base)), own: put("own.bin", own) };

compiler.globals.set("loaded", compiler.toPy(loaded));
compiler.globals.set("unused", compiler.toPy(UNUSED.modules));
compiler.runPython(`
# What functions of other modules would import that no worker calls: tools, tests, servers, other platforms.
LEFT_OUT = {
    "_pydatetime", "_pyrepl", "argparse", "asyncio.proactor_events", "asyncio.windows_events", "bdb", "bz2", "cmd", "code",
    "compression.bz2", "compression.gzip", "compression.lzma", "concurrent.futures.interpreter", "concurrent.futures.process",
    "concurrent.interpreters", "ctypes", "doctest",
    "email._header_value_parser", "email.contentmanager", "email.generator", "email.headerregistry", "email.policy",
    "ftplib", "getopt", "http.client", "http.cookiejar", "http.server", "lzma", "mix_tunnel.cli", "mix_tunnel.platform.native",
    "multiprocessing", "netrc", "pdb", "plistlib", "pydoc", "pyodide._nodesock_transport", "runpy", "statistics",
    "tarfile", "unittest", "urllib.request", "webbrowser", "websockets.asyncio", "xml", "xmlrpc",
}
# Imported by name at run time: the types of DNS records, and codecs. ossl loads ssl from a source by its path, whose
# bytecode Python looks for in the usual place; the source itself is not read then.
BY_PATH = "ossl/_ssl_py"
CODECS = ("ascii", "idna", "latin_1", "punycode", "utf_8", "utf_8_sig", "utf_16", "utf_32", "unicode_escape")
roots = [*loaded, module_name(f"{BY_PATH}.py"), *(f"encodings.{codec}" for codec in CODECS)]
roots += [name for name in CODES if name.startswith("dns.rdtypes.")]
RELOADED = {"hashlib", "hmac"}  # by ossl, that they find OpenSSL
LATER = reachable(roots, CODES, LEFT_OUT) - set(loaded) | RELOADED
DISPENSABLE = {"_hmac", "_pickle", "_posixsubprocess", "_queue", "fcntl"}  # where they are not, their importers do without
for name in sorted((LATER | set(loaded)) & CODES.keys()):
    code, is_package = CODES[name]
    wanted = set(imports_of(code, name if is_package else name.rpartition(".")[0])) & set(unused) - DISPENSABLE
    assert not wanted, f"{name} wants {wanted}, which are taken out of the core"
DATA = (".dat", ".pem", ".so")

def kept(files):
    out = {name: content for name, content in files.items() if module_name(name) in LATER or name.endswith(DATA)}
    if f"{BY_PATH}.pyc" in out:
        out[importlib.util.cache_from_source(f"{BY_PATH}.py")] = out.pop(f"{BY_PATH}.pyc")
        out[f"{BY_PATH}.py"] = b""
    return out
`);
fs.writeFileSync(path.join(output, "python_stdlib.zip"), bytesOf(compiler, "stored_zip(kept(STANDARD))"));
const later = filesOf(compiler, "kept(SITE)");
const modules = [...later].filter(([name]) => name.endsWith(".so")).map(([name, content]) => {
  later.delete(name);
  const file = `${name.slice(0, name.indexOf(".")).replaceAll("/", ".")}.wasm`;
  return [name, file, put(file, content)];
});
const archive = put("site-packages.bin", Buffer.concat([...later.values()]));
const index = {
  path: sitePackages,
  integrity: { ...integrity, archive },
  files: [...later].map(([name, content]) => [name, content.length]),
  modules,
  data: core.left,
};
fs.writeFileSync(path.join(output, "site-packages.json"), JSON.stringify(index));
process.exit(0);
