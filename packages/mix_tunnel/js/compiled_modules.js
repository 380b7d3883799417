/**
 * Python's compiled modules, each a WebAssembly file of its own: the browser compiles them beside everything else while
 * they arrive, and keeps what it has compiled for the next visit.
 */
import { fetchFile } from "./files.js";

/** A module's path in site-packages, its file's name and hash. @typedef {[path: string, file: string, integrity: string]} ModuleFile */
/** @typedef {[path: string, module: WebAssembly.Module][]} CompiledModules */

/**
 * @param {URL} folder where the files are
 * @param {ModuleFile[]} files
 * @returns {Promise<CompiledModules>}
 */
export function compileModules(folder, files) {
  return Promise.all(files.map(async ([path, file, integrity]) => {
    const url = new URL(file, folder);
    const answer = await fetchFile(url, { integrity }); // the browser checks it
    try {
      return [path, await WebAssembly.compileStreaming(answer)];
    } catch (error) {
      throw new Error(`${url.pathname} cannot be compiled: ${error instanceof Error ? error.message : error}`);
    }
  }));
}

/**
 * Let Python import the modules. It finds an empty file for each; when it loads that, Pyodide takes the instance that it
 * finds under the file's path in `preloadedWasm`, which is made in that moment.
 *
 * @param {import("pyodide").PyodideAPI} python
 * @param {string} sitePackages
 * @param {CompiledModules} modules
 */
export function offerModules(python, sitePackages, modules) {
  const { FS, _module } = /** @type {any} */ (python);
  const { GOT, preloadedWasm, loadWebAssemblyModule } = _module;
  // After each module, Emscripten looks for unresolved symbols among all that it can enumerate. Those of Python itself,
  // nine thousand, are resolved: looking at them again takes ten milliseconds a module.
  for (const symbol of Object.keys(GOT)) {
    Object.defineProperty(GOT, symbol, { enumerable: false });
  }
  for (const [name, module] of modules) {
    const path = `${sitePackages}/${name}`;
    FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    FS.writeFile(path, "");
    Object.defineProperty(preloadedWasm, path, { get: () => loadWebAssemblyModule(module, { nodelete: true }, path, {}) });
  }
}
