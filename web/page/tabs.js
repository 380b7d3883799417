/** The panels as tabs: arrow keys move, the address bar's `#name` opens one. */

/** @param {HTMLElement} list the element with the role `tablist` */
export function startTabs(list) {
  const tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=tab]")]);
  const names = tabs.map((tab) => tab.getAttribute("aria-controls") ?? "");

  /** @param {number} chosen */
  const show = (chosen) => {
    for (const [index, tab] of tabs.entries()) {
      const isChosen = index === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      const panel = document.getElementById(names[index] ?? "");
      if (panel) {
        panel.hidden = !isChosen;
      }
    }
  };
  /** @param {number} index */
  const choose = (index) => {
    show(index);
    history.replaceState(null, "", `#${names[index]}`);
  };
  const followAddress = () => {
    const index = names.indexOf(location.hash.slice(1));
    if (index >= 0) {
      show(index);
    }
    return index >= 0;
  };

  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(index));
  }
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const last = tabs.length - 1;
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at <= 0 ? last : at - 1, Home: 0, End: last };
    const index = next[/** @type {keyof typeof next} */ (event.key)];
    if (index !== undefined && at >= 0) {
      event.preventDefault();
      choose(index);
      tabs[index]?.focus();
    }
  });
  addEventListener("hashchange", followAddress);
  if (!followAddress()) {
    show(0);
  }
}
