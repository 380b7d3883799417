/**
 * What Python finds in site-packages: the wheels' files in one archive, but for those of the modules that the memory
 * snapshot has imported already. Unpacking wheels in Python would take a quarter of a start.
 */
import { fetchFile, inflate } from "./files.js";

/** @typedef {{ files: [name: string, size: number][], contents: Uint8Array<ArrayBuffer> }} SitePackages */

/**
 * @param {URL} folder where site-packages.json and the archive are
 * @returns {Promise<SitePackages>}
 */
export async function fetchSitePackages(folder) {
  const index = await fetchFile(new URL("site-packages.json", folder));
  const { integrity, files } = await index.json(); // the browser checks the integrity
  const archive = await fetchFile(new URL("site-packages.bin.gz", folder), { integrity });
  return { files, contents: new Uint8Array(await inflate(archive)) };
}

/**
 * Write the files into Python's file system, which keeps the archive's memory for them.
 *
 * @param {import("pyodide").PyodideAPI} python
 * @param {SitePackages} sitePackages
 */
export function unpack(python, { files, contents }) {
  const { FS } = python;
  const target = python.runPython("import site; site.getsitepackages()[0]");
  let end = 0;
  for (const [name, size] of files) {
    const path = `${target}/${name}`;
    FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    FS.writeFile(path, contents.subarray(end, (end += size)), { canOwn: true });
  }
}
