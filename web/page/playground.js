import { find } from "./elements.js";
import { startDnsPanel } from "./dns_panel.js";
import { startDownloadPanel } from "./download_panel.js";
import { startFetchPanel } from "./fetch_panel.js";
import { startLinks } from "./links.js";
import { log, startLogPanel } from "./log.js";
import { startNetworkPicture } from "./network_picture.js";
import { readSettings } from "./settings.js";
import { startStressPanel } from "./stress_panel.js";
import { startTabs } from "./tabs.js";
import { startTrafficCharts } from "./traffic_charts.js";
import { startTunnelPanel } from "./tunnel_panel.js";
import { startWebSocketPanel } from "./websocket_panel.js";

/** @import { SetupMixTunnelOptions } from "mix-tunnel" */

/**
 * What the playground's server tells the page; elsewhere the page uses Nym's mainnet.
 * @typedef {object} Playground
 * @property {SetupMixTunnelOptions} tunnelOptions that lead to the local network
 * @property {{ label: string, url: string, method?: string, body?: string }[]} examples
 * @property {{ name: string, https: string, http: string, direct: string }} site the demo site; `direct` is the path of
 *   its copy at this page's server
 * @property {{ label: string, value: string }[]} nameServers
 * @property {string[]} entryGateways identities
 * @property {string[]} exits Nym addresses
 */

// The picture is there before anything can be pressed: it moves all that is below it.
const reading = readSettings();
const [settings] = await Promise.all([reading, startNetworkPicture(reading)]);
const playground = /** @type {Playground | null} */ (settings === "" ? null : JSON.parse(settings));
startLogPanel();
startLinks();
startTunnelPanel(playground);
startTrafficCharts();
startFetchPanel(playground);
startDnsPanel(playground);
startWebSocketPanel(playground);
startDownloadPanel(playground);
startStressPanel(playground);
startTabs(find("tabs"));
find("example-pages").hidden = playground === null;
log(playground ? "the local mixnet is up: connect to it" : "no local mixnet here: connecting goes to Nym's mainnet");
