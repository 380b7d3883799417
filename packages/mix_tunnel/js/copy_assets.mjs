#!/usr/bin/env node
/**
 * Copies what the worker loads into a folder of a web site, for pages that are made by a bundler:
 *
 *     npx --no-install mix-tunnel-assets public/mix-tunnel
 *
 * The page then says where that is: `setupMixTunnel({ assetsUrl: "/mix-tunnel/" })`.
 */
import { cp, mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const USAGE = `usage: mix-tunnel-assets FOLDER

Copies the tunnel's worker, with Python and all that it needs (29 MB), into FOLDER, which your web site has to serve.
Then tell the page where it is: setupMixTunnel({ assetsUrl: "/path/of/FOLDER/" }). Run it again after every update.`;
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
await mkdir(target, { recursive: true });
for (const name of modules) {
  if (!name.startsWith("pyodide/")) {
    await cp(join(source, name), join(target, name));
  }
}
await cp(join(source, "pyodide"), join(target, "pyodide"), { recursive: true });
console.log(`${target} has the tunnel's worker now: setupMixTunnel({ assetsUrl: "/…/" }) with that folder's URL`);
