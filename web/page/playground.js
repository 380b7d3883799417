import { find } from "./elements.js";
import { offerExamples, startFetchPanel } from "./fetch_panel.js";
import { log } from "./log.js";
import { startTunnelPanel } from "./tunnel_panel.js";

/**
 * What the playground's server tells the page; elsewhere the page uses Nym's mainnet.
 * @typedef {object} Playground
 * @property {string} directoryPath
 * @property {string[]} caCertificates
 * @property {{ label: string, url: string, method?: string, body?: string }[]} examples
 */

/** @returns {Promise<Playground | null>} */
async function readPlayground() {
  const response = await fetch("playground.json").catch(() => null);
  return response?.ok ? response.json() : null;
}

const playground = await readPlayground();
const options = playground
  ? {
      directoryUrl: new URL(playground.directoryPath, location.href).href,
      caCertificates: playground.caCertificates,
    }
  : {};
const url = /** @type {HTMLInputElement} */ (find("fetch-url"));
url.value = playground?.examples[0]?.url ?? "https://example.org/";
offerExamples(playground?.examples ?? []);
const setReady = startFetchPanel();
startTunnelPanel(options, setReady);
log(playground ? "the local mixnet is up: connect to it" : "no local mixnet here: connecting goes to Nym's mainnet");
