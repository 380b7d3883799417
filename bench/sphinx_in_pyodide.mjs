// Runs sphinx_speed.py inside Pyodide, with the wheels that pages get.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const here = import.meta.dirname;
const distribution = path.resolve(here, "../build/pyodide");
const { loadPyodide } = await import(pathToFileURL(path.join(distribution, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: distribution + path.sep, packages: ["mix-tunnel"] });
python.runPython("import ossl; ossl.install()");
python.runPython(fs.readFileSync(path.join(here, "sphinx_speed.py"), "utf8"), {
  globals: python.toPy({ __name__: "__main__" }),
});
process.exit(0); // Pyodide keeps timers alive
