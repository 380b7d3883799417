import { field, find, make } from "./elements.js";
import { log } from "./log.js";

/** What each kind of links is, in words that promise nothing else: these are emulated, on one machine. */
const WORDS = new Map(Object.entries({
  none: "Everything is on one machine, so everything is near.",
  home: "Emulated: 15 to 25 ms to the gateway at 20 Mbit/s, 15 to 20 ms between nodes.",
  mobile: "Emulated: 60 to 120 ms to the gateway at 4 Mbit/s, 1 % lost and sent again; 15 to 20 ms between nodes.",
  mainnet: "Emulated: 120 to 280 ms between nodes, 0.2 % lost. A small request takes some 2 s, as people report it.",
}));

/** Let people choose what the local network's links are like, while it runs; a network without that has no choice. */
export async function startLinks() {
  const choice = field("links");
  let present = await readLink();
  if (present === null) {
    return;
  }
  const show = (/** @type {string} */ link) => {
    if (!WORDS.has(link)) { // the network was started with links of somebody's own
      const own = make("option", "", link);
      own.setAttribute("value", link);
      choice.append(own);
      WORDS.set(link, "Emulated, between all nodes and to the gateway.");
    }
    choice.value = link;
    find("links-words").textContent = WORDS.get(link) ?? "";
  };
  show(present);
  choice.addEventListener("change", async () => {
    const wanted = choice.value;
    const failure = await putLink(wanted);
    present = failure === "" ? wanted : present ?? "none";
    show(present);
    log(failure === "" ? `links: ${wanted}` : `the links could not be switched: ${failure}`, failure === "" ? "" : "bad");
  });
}

/** @returns {Promise<string | null>} */
async function readLink() {
  try {
    const response = await fetch("network.json");
    return response.ok ? (await response.json()).link ?? null : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} link
 * @returns {Promise<string>} what went wrong
 */
async function putLink(link) {
  try {
    const response = await fetch("link", { method: "PUT", body: link });
    return response.ok ? "" : (await response.json()).message ?? response.statusText;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}
