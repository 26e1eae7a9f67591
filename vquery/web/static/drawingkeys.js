/** The keys of drawing. Those without a scope start it; the others count while the picture has the focus. */

import { bind } from "./keys.js";

const GROUP = "Draw boxes";
const SLOW_PX = 1;
const FAST = 20;
/** @type {Object<string, [number, number]>} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {import("./drawing.js").Drawing} drawing */
export function bindDrawing(drawing) {
  const anywhere = (/** @type {string} */ key, /** @type {string} */ text, /** @type {() => void} */ run) =>
    bind({ keys: [key], text, group: GROUP, run });
  anywhere("b", "draw a box over the picture", () => drawing.start(false));
  anywhere("Shift+b", "draw a box that continues the chosen one on another frame", () => drawing.start(true));
  anywhere("c", "choose the next of the boxes drawn by hand on this frame", () => drawing.chooseNext());
  const one = { group: GROUP, scope: /** @type {"drawing"} */ ("drawing") };
  const key = (/** @type {string[]} */ keys, /** @type {string} */ text, /** @type {() => void} */ run) =>
    bind({ ...one, keys, text, run });
  key(["Enter"], "place a corner or a point", () => drawing.enter());
  key(["Backspace"], "take the last point back", () => drawing.takeBack());
  key(["Escape"], "stop drawing; again: choose no box", () => drawing.leave());
  key(["Delete"], "delete the chosen box", () => drawing.chosen.erase());
  key(["d"], "drag a box, or click four extreme points", () =>
    drawing.bar.turn(drawing.bar.way === "drag" ? "extreme" : "drag"));
  key(["0"], "the next boxes get no label", () => drawing.bar.give(null));
  key(["+"], "a new value, for the next boxes", () => void drawing.bar.newValue());
  bind({
    ...one, keys: Array.from({ length: 9 }, (_, index) => String(index + 1)), shown: "1 – 9",
    text: "the label that the next boxes get", run: (event) => drawing.bar.giveAt(Number(event.key) - 1),
  });
  bindArrows(drawing, one);
}

/**
 * @param {import("./drawing.js").Drawing} drawing
 * @param {{group: string, scope: "drawing"}} one
 */
function bindArrows(drawing, one) {
  const arrows = (/** @type {string} */ held, /** @type {string} */ text, /** @type {(by: {x: number, y: number}) => void} */ run, px = SLOW_PX) => {
    const keys = Object.keys(WAYS).map((key) => held + key);
    const shown = `${held.replaceAll("+", " ")}← → ↑ ↓`;
    bind({ ...one, keys, shown, text, run: (event) => run(step(drawing, WAYS[event.key], px)) });
  };
  arrows("", "move the crosshair", (by) => drawing.steer(by));
  arrows("Shift+", "move the crosshair faster", (by) => drawing.steer(by), FAST);
  arrows("Alt+", "move the chosen box", (by) => drawing.chosen.nudge("inside", by));
  arrows("Alt+Shift+", "move the lower right corner of the chosen box", (by) => drawing.chosen.nudge("se", by));
}

/**
 * One pixel of the video or of the page, whichever is larger, in shares of the picture.
 * @param {import("./drawing.js").Drawing} drawing @param {[number, number]} way @param {number} times
 */
function step(drawing, [x, y], times) {
  const page = drawing.layer.share(1);
  const { width, height } = drawing.player.video ?? {};
  return {
    x: x * times * Math.max(page.x, width ? 1 / width : 0),
    y: y * times * Math.max(page.y, height ? 1 / height : 0),
  };
}
