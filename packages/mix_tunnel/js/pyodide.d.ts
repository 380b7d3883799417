/** Pyodide is copied beside worker.js when a page is assembled. */
declare module "*/pyodide.mjs" {
  export { loadPyodide } from "pyodide";
}
