#!/usr/bin/env node
/**
 * Copies what the worker loads into a folder of a web site, for pages that are made by a bundler:
 *
 *     npx --no-install mix-tunnel-assets public/mix-tunnel
 *
 * The page then says where that is: `setupMixTunnel({ assetsUrl: "/mix-tunnel/" })`.
 */
import { cp, mkdir, readFile, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const USAGE = `usage: mix-tunnel-assets FOLDER

Copies the tunnel's worker, with Python and all that it needs, into FOLDER, which your web site has to serve, and tells
what a visitor loads. Then tell the page where it is: setupMixTunnel({ assetsUrl: "/path/of/FOLDER/" }). Run it again after
every update.

The large files have a compressed .br and .gz beside them. A server that sends those by Accept-Encoding saves most
(nginx: brotli_static on; gzip_static on); from any other the worker takes the .gz.`;
/** Smaller files are told in the sum alone. */
const SHOWN_BYTES = 100_000;
const IMPORT = /^(?:import|export|\})[^"\n]*\bfrom "\.\/([\w./-]+)"/gm;
const source = dirname(fileURLToPath(import.meta.url));

/**
 * A module and the modules that it imports, as paths inside the package.
 *
 * @param {string} name
 * @param {Set<string>} found
 */
async function findModules(name, found) {
  if (found.has(name)) {
    return;
  }
  found.add(name);
  const code = await readFile(join(source, name), "utf8");
  for (const [, imported = ""] of code.matchAll(IMPORT)) {
    await findModules(join(dirname(name), imported), found);
  }
}

const [folder, ...others] = process.argv.slice(2);
if (folder === undefined || folder.startsWith("-") || others.length > 0) {
  console.log(USAGE);
  process.exit(folder === "--help" || folder === "-h" ? 0 : 2);
}
const target = resolve(folder);
/** @type {Set<string>} */
const modules = new Set();
await findModules("worker.js", modules);
await findModules("memory_keeper.js", modules);
await mkdir(target, { recursive: true });
for (const name of modules) {
  if (!name.startsWith("pyodide/")) {
    await cp(join(source, name), join(target, name));
  }
}
await cp(join(source, "pyodide"), join(target, "pyodide"), { recursive: true });

/** How many bytes a file has, or 0 without it. @param {string} path */
const sizeOf = async (path) => (await stat(path).catch(() => ({ size: 0 }))).size;

/** @param {(string | number)[]} cells */
const row = ([name = "", ...sizes]) => {
  const cells = sizes.map((size) => (typeof size === "number" ? size.toLocaleString("en") : size).padStart(11));
  return `${String(name).padEnd(24)}${cells.join("")}`;
};

console.log(row(["bytes", "raw", "gzip", "Brotli"]));
const totals = [0, 0, 0];
const names = (await readdir(join(target, "pyodide"))).filter((name) => !/\.(?:br|gz)$|LICENSES/.test(name));
for (const path of [...modules, ...names.map((name) => `pyodide/${name}`)]) {
  const raw = await sizeOf(join(target, path));
  const packed = await Promise.all([".gz", ".br"].map((ending) => sizeOf(join(target, path + ending))));
  const sizes = [raw, ...packed.map((size) => size || raw)];
  sizes.forEach((size, index) => {
    totals[index] = (totals[index] ?? 0) + size;
  });
  if (raw >= SHOWN_BYTES) {
    console.log(row([path.replace("pyodide/", ""), ...sizes]));
  }
}
console.log(row(["all", ...totals]));
console.log(`${target} has the tunnel's worker now: setupMixTunnel({ assetsUrl: "/…/" }) with that folder's URL`);
