/** The bars between the panes: dragged, or moved with arrows; their places are remembered. */

import { remember, remembered } from "./store.js";

const STEP = 24;
/** Height that shows six lanes with the axis and the bar above. */
const SIX_LANES = 224;

/**
 * @param {string} id
 * @param {{property: string, least: number, most: function(): number, start: number, across: boolean}} what
 */
function mountSplit(id, { property, least, most, start, across }) {
  const bar = /** @type {HTMLElement} */ (document.getElementById(id));
  const root = /** @type {HTMLElement} */ (document.getElementById("workbench"));
  let size = remembered(`split:${id}`, start);
  let chosen = size; // where a window grows again after it was too small for it
  const set = (/** @type {number} */ wanted) => {
    size = Math.round(Math.max(least, Math.min(wanted, most())));
    root.style.setProperty(property, `${size}px`);
    bar.setAttribute("aria-valuenow", String(size));
    bar.setAttribute("aria-valuemin", String(least));
    bar.setAttribute("aria-valuemax", String(Math.round(most())));
  };
  const keep = () => remember(`split:${id}`, (chosen = size));
  set(size);
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    const from = across ? event.clientY : event.clientX;
    const before = size;
    const move = (/** @type {PointerEvent} */ next) => set(before + from - (across ? next.clientY : next.clientX));
    bar.addEventListener("pointermove", move);
    bar.addEventListener(
      "lostpointercapture",
      () => {
        bar.removeEventListener("pointermove", move);
        keep();
      },
      { once: true },
    );
  });
  bar.addEventListener("keydown", (event) => {
    const larger = across ? "ArrowUp" : "ArrowLeft";
    const smaller = across ? "ArrowDown" : "ArrowRight";
    if (event.key !== larger && event.key !== smaller) return;
    event.preventDefault();
    set(size + (event.key === larger ? STEP : -STEP));
    keep();
  });
  window.addEventListener("resize", () => set(chosen));
}

export function mountSplits() {
  mountSplit("split", {
    property: "--inspector",
    least: 260,
    most: () => Math.max(260, window.innerWidth * 0.7),
    start: Math.round(Math.min(560, window.innerWidth * 0.36)),
    across: false,
  });
  mountSplit("split-timeline", {
    property: "--timeline",
    least: 60,
    most: () => Math.max(60, window.innerHeight * 0.6),
    start: Math.round(Math.min(SIX_LANES, window.innerHeight * 0.3)),
    across: true,
  });
}
