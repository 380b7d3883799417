import { field, find, make, showStatus } from "./elements.js";
import { formatSum } from "./format.js";

const MAX_LINES = 500;
const COPIED_MS = 4000;

/**
 * Add a line to the log.
 *
 * @param {string} text
 * @param {"" | "bad"} kind
 */
export function log(text, kind = "") {
  const list = find("log");
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
  const line = make("li", kind, make("time", "", new Date().toTimeString().slice(0, 8)), " ", make("span", "", text));
  line.hidden = !isWanted(line);
  list.append(line);
  if (list.childElementCount > MAX_LINES) {
    list.firstElementChild?.remove();
  }
  if (atEnd) {
    list.scrollTop = list.scrollHeight;
  }
}

/** Make the panel's controls work: a filter, problems only, copy, clear. */
export function startLogPanel() {
  const list = find("log");
  const said = find("log-status");
  const filter = () => {
    for (const line of lines()) {
      line.hidden = !isWanted(line);
    }
  };
  field("log-filter").addEventListener("input", filter);
  field("log-problems").addEventListener("change", filter);
  find("log-clear").addEventListener("click", () => {
    list.replaceChildren();
    showStatus(said, "cleared");
  });
  find("log-copy").addEventListener("click", async () => {
    const shown = lines().filter((line) => !line.hidden);
    try {
      await navigator.clipboard.writeText(shown.map((line) => line.textContent).join("\n"));
      showStatus(said, `${formatSum(shown.length, "line")} copied`, "good");
    } catch {
      getSelection()?.selectAllChildren(list);
      showStatus(said, "the browser refused: the lines are selected, copy them by hand", "bad");
    }
    setTimeout(() => showStatus(said, ""), COPIED_MS);
  });
}

/** @returns {HTMLElement[]} */
function lines() {
  return /** @type {HTMLElement[]} */ ([...find("log").children]);
}

/** @param {HTMLElement} line */
function isWanted(line) {
  const wanted = field("log-filter").value.toLowerCase();
  const isProblem = line.classList.contains("bad");
  return (isProblem || !field("log-problems").checked) && (line.textContent ?? "").toLowerCase().includes(wanted);
}
