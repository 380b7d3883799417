import { invalidOption } from "./refusals.js";

const ALLOWED = `a folder's URL on the page's own origin, such as "/mix-tunnel/"`;

/**
 * The folder that a page names in the option `assetsUrl`, relative to the page. Browsers start no worker from another
 * origin, so one is refused here, where it can be said why.
 *
 * @param {unknown} given
 * @returns {URL | undefined}
 */
export function readAssetsUrl(given) {
  if (given === undefined) {
    return undefined;
  }
  const base = globalThis.document?.baseURI ?? location.href;
  const url = (typeof given === "string" || given instanceof URL) && URL.canParse(given, base)
    ? new URL(given, base)
    : null;
  if (url === null || url.origin !== location.origin || url.search || url.hash) {
    throw invalidOption("assetsUrl", ALLOWED);
  }
  if (!url.pathname.endsWith("/")) {
    url.pathname += "/";
  }
  return url;
}
