import { draw, fillRows, make } from "./elements.js";
import { formatCount, formatDuration } from "./format.js";
import { makeBins, percentile } from "./statistics.js";

const WIDTH = 480;
const HEIGHT = 110;
const GAP = 2;
const SHARES = /** @type {const} */ ([["Half", 0.5], ["90 %", 0.9], ["99 %", 0.99], ["All", 1]]);

/**
 * Draw how long things took: a bar for each class of times, percentiles, and the same as a table.
 *
 * @param {HTMLElement} box filled in here
 * @param {string} title
 * @param {readonly number[]} times in milliseconds
 */
export function showHistogram(box, title, times) {
  box.hidden = times.length === 0;
  if (times.length === 0) {
    return;
  }
  const sorted = [...times].sort((one, other) => one - other);
  const bins = makeBins(sorted);
  const most = bins.reduce((one, { count }) => Math.max(one, count), 1);
  const width = WIDTH / bins.length;
  const bars = bins.map(({ count }, index) => {
    const height = (count / most) * HEIGHT;
    const place = { x: index * width + GAP / 2, y: HEIGHT - height, width: width - GAP, height, rx: 1.5 };
    return draw("rect", { ...place, class: "bar" });
  });
  const facts = SHARES.map(([name, share]) => ({ name, value: formatDuration(percentile(sorted, share)) }));
  const picture = draw(
    "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: "histogram",
      "aria-label": `${title}: ${facts.map(({ name, value }) => `${name} within ${value}`).join(", ")}` },
    draw("path", { class: "chart-grid", d: `M0,0.5H${WIDTH}M0,${HEIGHT - 0.5}H${WIDTH}` }), ...bars);
  const scale = make("p", "chart-scale", make("span", "", formatCount(most)), make("span", "", "0"));
  const first = bins[0]?.low ?? 0;
  const last = bins.at(-1)?.high ?? 0;
  const axis = make("p", "axis chart-axis", make("span", "", formatDuration(first)),
    make("span", "", formatDuration((first + last) / 2)), make("span", "", formatDuration(last)));
  const list = make("dl", "figures", ...facts.map(({ name, value }) => (
    make("div", "", make("dt", "", `${name} within`), make("dd", "", value)))));
  const body = make("tbody", "");
  fillRows(body, bins.map(({ low, high, count }) => [`${formatDuration(low)} to ${formatDuration(high)}`, count]));
  const heads = ["Time", "Count"].map((text) => {
    const head = make("th", "", text);
    head.setAttribute("scope", "col");
    return head;
  });
  const table = make("table", "numbers", make("thead", "", make("tr", "", ...heads)), body);
  box.replaceChildren(
    list, make("figure", "", make("figcaption", "chart-title", title),
      make("div", "chart-frame", scale, picture), axis),
    make("details", "", make("summary", "", "As a table"), table));
}
