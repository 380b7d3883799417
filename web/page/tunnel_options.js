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
  const any = option("", "any of the directory");
  // The local network's exits would serve as entries, too; going in where one comes out is worth less.
  find("tunnel-gateway").append(...number("entry", playground?.entryGateways ?? []), any);
  find("tunnel-exit").append(any.cloneNode(true), ...number("exit", playground?.exits ?? []));
  const servers = playground?.nameServers ?? [];
  const others = servers.length > 0 ? [] : [option("", "the usual ones, through the exit")];
  find("tunnel-dns").append(
    ...servers.map(({ label, value }) => option(value, `the demo's, by ${label}`)), ...others,
    option(OTHER, "others, written below"));
  const showOthers = () => {
    const isOther = field("tunnel-dns").value === OTHER;
    find("tunnel-dns-others").hidden = !isOther;
    field("tunnel-dns-list").required = isOther;
  };
  rememberForm(/** @type {HTMLFormElement} */ (find("tunnel-form")), playground?.site.https ?? "");
  find("tunnel-dns").addEventListener("change", showOthers);
  showOthers();
  return () => readOptions(playground?.tunnelOptions ?? {});
}

/**
 * Options for nodes, by the names that the picture of the network gives them.
 *
 * @param {string} noun
 * @param {readonly string[]} identities
 */
function number(noun, identities) {
  return identities.map((identity, index) => {
    const name = identities.length > 1 ? `${noun} ${index + 1}` : `the ${noun}`;
    return option(identity, `${name}, ${identity.slice(0, 6)}…`);
  });
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
    shared: field("tunnel-shared").checked,
    disableCoverTraffic: !field("tunnel-cover").checked,
    disablePoissonTraffic: !field("tunnel-poisson").checked,
    preferredIpr: field("tunnel-exit").value || undefined,
    preferredGateway: field("tunnel-gateway").value || undefined,
    connectTimeoutMs: field("tunnel-connect-timeout").valueAsNumber * 1000,
    dnsTimeoutMs: field("tunnel-dns-timeout").valueAsNumber * 1000,
    dnsServers: servers.length > 0 ? servers : undefined,
  };
}
