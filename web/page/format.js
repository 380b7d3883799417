/** Numbers as a person reads them. */

/**
 * Three digits or so: more would not be true.
 * @param {number} ms
 */
export function formatDuration(ms) {
  if (ms < 9.95) {
    return `${ms > 0 ? ms.toFixed(1) : 0} ms`;
  }
  if (ms < 999.5) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 59_950) {
    return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * A time that is guessed: whole seconds.
 * @param {number} ms
 */
export function formatRemaining(ms) {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
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
