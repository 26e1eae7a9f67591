/** The mouse on the grid: click, Shift and Ctrl, and dragging a lasso. */

import { el } from "./dialogs.js";
import { extendTo, setAnchor, toggle } from "./gridkeys.js";
import * as choice from "./selection.js";
import { dispatch, state } from "./store.js";

const FAR = 5;
const EDGE = 28;
const STEP = 14;

/** @param {*} grid */
export function mountPointer(grid) {
  const frame = /** @type {HTMLElement} */ (grid.frame);
  frame.addEventListener("pointerdown", (event) => press(grid, event));
  frame.addEventListener("click", (event) => {
    const touched = event instanceof PointerEvent && event.pointerType === "touch";
    if (touched) click(grid, positionOf(event.target), event, onTick(event.target));
  });
  frame.addEventListener("dblclick", (event) => {
    if (positionOf(event.target) !== null && !modified(event)) dispatch("open");
  });
}

/** @param {MouseEvent} event */
const modified = (event) => event.shiftKey || event.ctrlKey || event.metaKey;

/** @param {EventTarget|null} target */
function positionOf(target) {
  const cell = target instanceof Element ? target.closest(".cell") : null;
  return cell instanceof HTMLElement ? Number(cell.dataset.position) : null;
}

/** @param {EventTarget|null} target */
const onTick = (target) => target instanceof Element && target.closest(".tick") !== null;

/**
 * @param {*} grid
 * @param {PointerEvent} event
 */
function press(grid, event) {
  const target = /** @type {Element} */ (event.target);
  if (event.button !== 0 || event.pointerType === "touch" || target.closest("button")) return;
  if (event.offsetX > grid.frame.clientWidth && target === grid.frame) return;
  const lasso = new Lasso(grid, event);
  const move = (/** @type {PointerEvent} */ next) => lasso.move(next);
  const end = (/** @type {PointerEvent} */ last) => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
    window.removeEventListener("pointercancel", end);
    if (!lasso.end() && last.type === "pointerup") click(grid, positionOf(target), last, onTick(target));
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
  window.addEventListener("pointercancel", end);
}

/**
 * @param {*} grid
 * @param {?number} position
 * @param {MouseEvent} event
 * @param {boolean} tick
 */
function click(grid, position, event, tick) {
  if (position === null) return;
  if (event.shiftKey) return extendTo(grid, position);
  if (event.ctrlKey || event.metaKey || tick) toggle(grid, position);
  else setAnchor(position);
  grid.focus(position);
}

/** A rectangle drawn with the mouse; scrolls when it reaches the edge. */
class Lasso {
  /**
   * @param {*} grid
   * @param {PointerEvent} event
   */
  constructor(grid, event) {
    this.grid = grid;
    this.from = this.at(event);
    this.last = event;
    this.before = modified(event) ? state.selection : choice.NONE;
    /** @type {?HTMLElement} */
    this.box = null;
    this.timer = 0;
  }

  /** @param {MouseEvent} event the place in the whole grid */
  at(event) {
    const frame = this.grid.frame.getBoundingClientRect();
    return { left: event.clientX - frame.left, top: event.clientY - frame.top + this.grid.scroller.top };
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.last = event;
    const here = this.at(event);
    const far = Math.abs(here.left - this.from.left) + Math.abs(here.top - this.from.top) > FAR;
    if (!this.box && !far) return;
    if (!this.box) this.begin();
    event.preventDefault();
    this.draw();
  }

  begin() {
    this.box = el("div", { class: "lasso", role: "presentation" });
    this.grid.window.append(this.box);
    this.timer = setInterval(() => this.scroll(), 30);
  }

  scroll() {
    const frame = this.grid.frame.getBoundingClientRect();
    const up = this.last.clientY < frame.top + EDGE;
    const down = this.last.clientY > frame.bottom - EDGE;
    if (!up && !down) return;
    this.grid.scroller.go(this.grid.scroller.top + (up ? -STEP : STEP));
    this.grid.scroller.moved();
    this.draw();
  }

  draw() {
    const to = this.at(this.last);
    const box = {
      left: Math.min(this.from.left, to.left),
      right: Math.max(this.from.left, to.left),
      top: Math.min(this.from.top, to.top),
      bottom: Math.max(this.from.top, to.top),
    };
    const style = /** @type {HTMLElement} */ (this.box).style;
    style.transform = `translate(${box.left}px, ${box.top - this.grid.scroller.top}px)`;
    style.width = `${box.right - box.left}px`;
    style.height = `${box.bottom - box.top}px`;
    this.grid.choose(this.before);
    const ranges = this.grid.layout.inside(box);
    if (ranges.length) this.grid.select(ranges, true);
  }

  /** @returns {boolean} whether there was a lasso */
  end() {
    clearInterval(this.timer);
    this.box?.remove();
    return this.box !== null;
  }
}
