/** Numbers as a person reads them. */

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms < 10) {
    return `${Math.max(0, ms).toFixed(1)} ms`;
  }
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** @param {number} count */
export function formatBytes(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "byte" : "bytes"}`;
}

/**
 * Bytes in short.
 * @param {number} count
 */
export function formatSize(count) {
  if (count < 1e6) {
    return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} kB`;
  }
  return `${(count / 1e6).toFixed(count < 1e7 ? 2 : 1)} MB`;
}

/** @param {number} bytesPerSecond */
export function formatSpeed(bytesPerSecond) {
  return `${formatSize(bytesPerSecond)}/s`;
}

/** @param {number} count */
export function formatCount(count) {
  return count.toLocaleString("en");
}

/**
 * A sum with its noun.
 *
 * @param {number} count
 * @param {string} noun
 */
export function formatSum(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
