/**
 * What Python finds in site-packages: the wheels' files in one archive, but for those of the modules that the memory
 * snapshot has imported already; and the compiled modules. Unpacking wheels in Python would take a quarter of a start.
 */
import { compileModules, offerModules } from "./compiled_modules.js";
import { fetchFile, inflate } from "./files.js";

/** @import { CompiledModules, ModuleFile } from "./compiled_modules.js" */

/** @typedef {{ path: string, integrity: string, files: [name: string, size: number][], modules: ModuleFile[] }} Index */
/** @typedef {{ index: Index, contents: Uint8Array<ArrayBuffer>, modules: CompiledModules }} SitePackages */

/**
 * @param {URL} folder where site-packages.json, the archive and the modules are
 * @returns {Promise<SitePackages>}
 */
export async function fetchSitePackages(folder) {
  /** @type {Index} */
  const index = await (await fetchFile(new URL("site-packages.json", folder))).json();
  const { integrity } = index; // the browser checks it
  const archive = fetchFile(new URL("site-packages.bin.gz", folder), { integrity }).then(inflate);
  const [contents, modules] = await Promise.all([archive, compileModules(folder, index.modules)]);
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
