/**
 * The wheels that a package needs, fetched all at once. Pyodide's own `loadPackage` begins only when Python runs, and
 * compiles every extension, whether it is imported or not: it takes a second more.
 *
 * @param {URL} folder where pyodide-lock.json and the wheels are
 * @param {string} name the package, as the lock file calls it
 * @returns {Promise<ArrayBuffer[]>}
 */
export async function fetchWheels(folder, name) {
  const answer = await fetch(new URL("pyodide-lock.json", folder));
  if (!answer.ok) {
    throw new Error(`pyodide-lock.json cannot be fetched (${answer.status})`);
  }
  /** @type {{ packages: Record<string, { file_name: string, sha256: string, depends: string[] }> }} */
  const { packages } = await answer.json();
  /** @type {Map<string, Promise<ArrayBuffer>>} */
  const wheels = new Map();
  /** @param {string} wanted */
  const want = (wanted) => {
    const entry = packages[wanted];
    if (!entry) {
      throw new Error(`pyodide-lock.json has no package ${wanted}`);
    }
    if (!wheels.has(wanted)) {
      wheels.set(wanted, fetchChecked(new URL(entry.file_name, folder), entry.sha256));
      entry.depends.forEach(want);
    }
  };
  want(name);
  return Promise.all(wheels.values());
}

/**
 * @param {URL} url
 * @param {string} sha256 in hexadecimal; the browser checks it
 */
async function fetchChecked(url, sha256) {
  const digest = sha256.match(/../g)?.map((pair) => String.fromCharCode(parseInt(pair, 16))).join("") ?? "";
  const answer = await fetch(url, { integrity: `sha256-${btoa(digest)}` });
  if (!answer.ok) {
    throw new Error(`${url.pathname} cannot be fetched (${answer.status})`);
  }
  return answer.arrayBuffer();
}
