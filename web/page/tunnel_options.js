import { field, find, make } from "./elements.js";
import { rememberForm } from "./remembering.js";

/** @import { SetupMixTunnelOptions } from "mix-tunnel" */
/** @import { Playground } from "./playground.js" */

const OTHER = "other";

/**
 * Fill the form of the tunnel's options; the returned function reads it.
 *
 * @param {Playground | null} playground
 * @returns {() => SetupMixTunnelOptions}
 */
export function startTunnelOptions(playground) {
  for (const [id, identities, noun] of /** @type {const} */ ([
    ["tunnel-gateway", playground?.entryGateways ?? [], "entry gateway"],
    ["tunnel-exit", playground?.exits ?? [], "exit"],
  ])) {
    find(id).append(option("", identities.length > 0 ? `any ${noun}` : `any ${noun} of the directory`),
      ...identities.map((identity) => option(identity, `${identity.slice(0, 8)}…`)));
  }
  const servers = playground?.nameServers ?? [];
  const others = servers.length > 0 ? [] : [option("", "the usual ones, through the exit")];
  find("tunnel-dns").append(
    ...servers.map(({ label, value }) => option(value, `the demo's, by ${label}`)), ...others,
    option(OTHER, "others, written below"));
  const showOthers = () => {
    find("tunnel-dns-others").hidden = field("tunnel-dns").value !== OTHER;
  };
  rememberForm(/** @type {HTMLFormElement} */ (find("tunnel-form")), playground?.site.https ?? "");
  find("tunnel-dns").addEventListener("change", showOthers);
  showOthers();
  return () => readOptions(playground?.tunnelOptions ?? {});
}

/**
 * @param {string} value
 * @param {string} text
 */
function option(value, text) {
  const element = make("option", "", text);
  element.setAttribute("value", value);
  return element;
}

/** @param {SetupMixTunnelOptions} given */
function readOptions(given) {
  const chosen = field("tunnel-dns").value;
  const written = chosen === OTHER ? field("tunnel-dns-list").value : chosen;
  const servers = written.split(/[\s,]+/).filter((server) => server !== "");
  return {
    ...given,
    disableCoverTraffic: !field("tunnel-cover").checked,
    disablePoissonTraffic: !field("tunnel-poisson").checked,
    preferredIpr: field("tunnel-exit").value || undefined,
    preferredGateway: field("tunnel-gateway").value || undefined,
    connectTimeoutMs: field("tunnel-connect-timeout").valueAsNumber * 1000,
    dnsTimeoutMs: field("tunnel-dns-timeout").valueAsNumber * 1000,
    dnsServers: servers.length > 0 ? servers : undefined,
  };
}
