import { onTunnelState } from "mix-tunnel";

/**
 * A form whose submission starts something that takes a while: it can be started when the tunnel is ready and nothing
 * runs yet, and stopped with its button or with Escape.
 *
 * @param {object} parts
 * @param {HTMLFormElement} parts.form
 * @param {HTMLButtonElement} parts.start
 * @param {HTMLElement} parts.stop hidden while nothing runs
 * @param {(signal: AbortSignal) => Promise<void>} parts.run shows its own failures
 */
export function startJob({ form, start, stop, run }) {
  let isReady = false;
  /** @type {AbortController | null} */
  let running = null;

  const update = () => {
    start.disabled = !isReady || running !== null;
    const hadFocus = document.activeElement === stop;
    stop.hidden = running === null;
    if (hadFocus && stop.hidden) {
      start.focus(); // a hidden button would leave the keyboard's user at the top of the page
    }
  };
  onTunnelState(({ state }) => {
    isReady = state === "ready";
    update();
  });
  stop.addEventListener("click", () => running?.abort());
  const home = form.closest("section") ?? form;
  home.addEventListener("keydown", (event) => {
    if (/** @type {KeyboardEvent} */ (event).key === "Escape") {
      running?.abort();
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target instanceof HTMLTextAreaElement) {
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (start.disabled) {
      return;
    }
    running = new AbortController();
    update();
    try {
      await run(running.signal);
    } finally {
      running = null;
      update();
    }
  });
  update();
}
