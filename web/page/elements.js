/**
 * The page's element with an id.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`the page has no element "${id}"`);
  }
  return /** @type {T} */ (element);
}

/**
 * A new element with a class and children.
 *
 * @param {string} tag
 * @param {string} className
 * @param {(Node | string)[]} children
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** @param {number} ms */
export function formatDuration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** @param {number} count */
export function formatBytes(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "byte" : "bytes"}`;
}
