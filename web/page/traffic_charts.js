import { getTunnelStats, onTunnelState } from "mix-tunnel";

import { fillRows, find } from "./elements.js";
import { formatCount, formatDuration, formatSize } from "./format.js";
import { TimeChart } from "./time_chart.js";

/** @import { TunnelStats } from "mix-tunnel" */

const INTERVAL_MS = 1000;
const ROWS = 10;
const PERIOD = "the last minute";
/** Windows narrower than this have everything in one column, where charts would be in the way of the panels. */
const ONE_COLUMN = "(max-width: 60rem)";

/** Make the charts of what the tunnel sends and receives; they live as long as the tunnel is ready. */
export function startTrafficCharts() {
  const rate = (/** @type {number} */ value) => `${formatCount(Math.round(value))}/s`;
  const out = new TimeChart(find("chart-out"), {
    title: "Packets out",
    period: PERIOD,
    series: [{ name: "data", className: "data" }, { name: "cover", className: "cover" }],
    format: rate,
  });
  const back = new TimeChart(find("chart-in"), {
    title: "Packets in",
    period: PERIOD,
    series: [
      { name: "replies", className: "data" },
      { name: "acks", className: "acks" },
      { name: "cover", className: "cover" },
    ],
    format: rate,
  });
  const roundTrip = new TimeChart(find("chart-round-trip"), {
    title: "Round trip",
    period: PERIOD,
    series: [{ name: "round trip", className: "data" }],
    format: formatDuration,
  });
  /** @type {{ stats: TunnelStats, at: number } | null} */
  let before = null;
  let timer = 0;
  /** @type {(string | number)[][]} */
  let rows = [];
  const box = /** @type {HTMLDetailsElement} */ (find("traffic"));
  box.open = !matchMedia(ONE_COLUMN).matches;

  let isLooking = false;

  const look = async () => {
    if (isLooking) {
      return; // a busy worker answers late: two answers at once would make no rate
    }
    isLooking = true;
    const stats = await getTunnelStats().catch(() => null); // the tunnel may have ended meanwhile
    isLooking = false;
    if (!stats) {
      return;
    }
    const at = performance.now();
    showFigures(stats);
    if (before) {
      const seconds = (at - before.at) / 1000;
      const past = before.stats;
      const per = (/** @type {number} */ now, /** @type {number} */ then) => Math.max(0, now - then) / seconds;
      const data = per(stats.realPacketsSent + stats.retransmittedPackets,
        past.realPacketsSent + past.retransmittedPackets);
      const cover = per(stats.coverPacketsSent, past.coverPacketsSent);
      const replies = per(stats.repliesReceived, past.repliesReceived);
      const acks = per(stats.acksReceived, past.acksReceived);
      const coverBack = per(stats.coverPacketsReceived, past.coverPacketsReceived);
      out.push([data, cover]);
      back.push([replies, acks, coverBack]);
      roundTrip.push([stats.roundTripMs]);
      const clock = new Date().toTimeString().slice(0, 8);
      const whole = [data, cover, replies, acks, coverBack].map(Math.round);
      const delay = stats.roundTripMs === null ? "–" : Math.round(stats.roundTripMs);
      rows = [[clock, ...whole, delay], ...rows].slice(0, ROWS);
      fillRows(find("traffic-table"), rows);
    }
    before = { stats, at };
  };
  onTunnelState(({ state }) => {
    clearInterval(timer);
    if (state === "ready") {
      box.hidden = false;
      timer = setInterval(() => void look(), INTERVAL_MS);
      void look();
    } else if (state === "shutdown" || state === "failed") {
      box.hidden = true;
      before = null;
      rows = [];
      for (const chart of [out, back, roundTrip]) {
        chart.clear();
      }
    }
  });
}

/** @param {TunnelStats} stats */
function showFigures(stats) {
  find("stat-real").textContent = formatCount(stats.realPacketsSent);
  find("stat-cover").textContent = formatCount(stats.coverPacketsSent);
  find("stat-acks").textContent = formatCount(stats.acksReceived);
  find("stat-replies").textContent = formatCount(stats.repliesReceived);
  find("stat-surbs").textContent = formatCount(stats.surbsHeld);
  find("stat-again").textContent = formatCount(stats.retransmittedPackets);
  find("stat-sent").textContent = formatSize(stats.bytesSent);
  find("stat-received").textContent = formatSize(stats.bytesReceived);
  find("stat-reconnects").textContent = formatCount(stats.gatewayReconnects);
}
