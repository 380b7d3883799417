/**
 * What Python finds in site-packages: the wheels' files in one archive, but for those of the modules that the memory
 * snapshot has imported already; and the compiled modules. Unpacking wheels in Python would take a quarter of a start.
 */
import { compileModules, offerModules } from "./compiled_modules.js";
import { checkIntegrity, fetchFile, fetchPacked } from "./files.js";

/** @import { CompiledModules, ModuleFile } from "./compiled_modules.js" */

/** @typedef {{ path: string, integrity: { base: string, own: string, archive: string }, files: [name: string, size: number][],
 *   modules: ModuleFile[], data: [start: number, end: number][] }} Index */
/** @typedef {{ index: Index, contents: Uint8Array<ArrayBuffer>, modules: CompiledModules }} SitePackages */

/**
 * @param {URL} folder where site-packages.json is
 * @param {RequestInit} [options]
 * @returns {Promise<Index>}
 */
export async function fetchIndex(folder, options) {
  return (await fetchFile(new URL("site-packages.json", folder), options)).json();
}

/**
 * @param {URL} folder where the archive and the modules are
 * @param {Promise<Index>} coming
 * @returns {Promise<SitePackages>}
 */
export async function fetchSitePackages(folder, coming) {
  const url = new URL("site-packages.bin", folder);
  const archive = fetchPacked(url).then((answer) => answer.arrayBuffer());
  archive.catch(() => {}); // said below, or something else before it
  const index = await coming;
  const checked = archive.then((content) => checkIntegrity(content, index.integrity.archive, url));
  const [contents, modules] = await Promise.all([archive, compileModules(folder, index.modules), checked]);
  return { index, contents: new Uint8Array(contents), modules };
}

/**
 * Put everything into Python's file system, which keeps the archive's memory for the files.
 *
 * @param {import("pyodide").PyodideAPI} python
 * @param {SitePackages} sitePackages
 */
export function unpack(python, { index, contents, modules }) {
  const { FS } = /** @type {any} */ (python);
  const { MEMFS } = FS.filesystems;
  /** @type {Map<string, any>} */
  const folders = new Map();
  /** @param {string} path */
  const findFolder = (path) => {
    let node = folders.get(path);
    if (node === undefined) {
      FS.mkdirTree(path);
      ({ node } = FS.lookupPath(path));
      folders.set(path, node);
    }
    return node;
  };
  let end = 0;
  for (const [name, size] of index.files) {
    const path = `${index.path}/${name}`;
    const slash = path.lastIndexOf("/");
    // What FS.writeFile comes to in the end, without looking each path up five times.
    const node = MEMFS.createNode(findFolder(path.slice(0, slash)), path.slice(slash + 1), FILE_MODE, 0);
    node.contents = contents.subarray(end, (end += size));
    node.usedBytes = size;
  }
  offerModules(python, index.path, modules);
}

/** A regular file that everybody may read and its owner write. */
const FILE_MODE = 0o100644;
