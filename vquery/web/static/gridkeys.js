/** Keys of the grid: moving, selecting, opening. */

import { bind } from "./keys.js";
import * as choice from "./selection.js";
import { dispatch, state } from "./store.js";

/** Where a range that Shift extends began. @type {?number} */
let anchor = null;
/** The range that Shift made last, so that it can shrink again. @type {?import("./selection.js").Range} */
let extended = null;

/** @param {number} position */
export function setAnchor(position) {
  anchor = position;
  extended = null;
}

/**
 * Select from the anchor to a position, instead of the range that was extended before.
 * @param {*} grid
 * @param {number} position
 */
export function extendTo(grid, position) {
  const from = anchor ?? state.focus ?? position;
  anchor = from;
  /** @type {import("./selection.js").Range} */
  const range = [Math.min(from, position), Math.max(from, position) + 1];
  if (extended) {
    const rest = choice.withoutRange([extended], range);
    if (rest.length) grid.select(rest, false);
  }
  grid.select([range], true);
  extended = range;
  grid.focus(position);
}

/**
 * @param {*} grid
 * @param {number} position
 */
export function toggle(grid, position) {
  const on = !choice.isSelected(state.selection, grid.basis, position, grid.rowAt(position));
  grid.select([[position, position + 1]], on);
  setAnchor(position);
}

/** @param {*} grid */
export function bindGridKeys(grid) {
  const at = () => state.focus ?? 0;
  const page = () => Math.max(1, Math.floor(grid.scroller.view / grid.layout.line) - 1);
  const clamp = (/** @type {number} */ position) => Math.max(0, Math.min(position, grid.total - 1));
  const moves = {
    ArrowLeft: () => at() - 1,
    ArrowRight: () => at() + 1,
    ArrowUp: () => grid.layout.vertical(at(), -1),
    ArrowDown: () => grid.layout.vertical(at(), 1),
    PageUp: () => grid.layout.vertical(at(), -page()),
    PageDown: () => grid.layout.vertical(at(), page()),
    Home: () => 0,
    End: () => grid.total - 1,
  };
  const move = (/** @type {KeyboardEvent} */ event, /** @type {boolean} */ extend) => {
    if (!grid.total) return;
    const to = clamp(moves[event.key]());
    if (extend) return extendTo(grid, to);
    setAnchor(to);
    grid.focus(to);
  };
  const one = { group: "Move and select", scope: /** @type {"grid"} */ ("grid") };
  bind({
    ...one,
    keys: Object.keys(moves),
    shown: "← → ↑ ↓ PgUp PgDn Home End",
    text: "move the focus",
    run: (event) => move(event, false),
  });
  bind({
    ...one,
    keys: Object.keys(moves).map((key) => "Shift+" + key),
    shown: "Shift + those keys",
    text: "select on the way",
    run: (event) => move(event, true),
  });
  const back = () => {
    setAnchor(clamp(at() - 1));
    grid.focus(at() - 1);
  };
  const open = () => dispatch("open");
  bind({ ...one, keys: ["p"], text: "previous item", run: back });
  bind({ ...one, keys: ["Enter"], text: "open in the inspector and play", run: open });
  bind({ ...one, keys: ["Escape"], text: "clear the selection", run: () => grid.choose(choice.NONE) });
  const home = () => grid.frame.focus();
  bind({ group: one.group, keys: ["Escape"], text: "back to the results (elsewhere)", run: home });
  bindSelecting(grid, at);
}

/**
 * @param {*} grid
 * @param {function(): number} at
 */
function bindSelecting(grid, at) {
  const group = "Move and select";
  const turn = () => grid.total && toggle(grid, at());
  bind({ group, keys: ["x"], text: "select or leave out the item", run: turn });
  bind({
    group,
    keys: ["Shift+x"],
    text: "select the item's group",
    run: () => {
      if (!grid.total) return;
      const { start, count } = grid.layout.sectionOf(at());
      grid.select([[start, start + count]], true);
    },
  });
  bind({
    group,
    keys: ["Ctrl+a"],
    text: "select the whole result",
    run: () => grid.total && grid.choose({ mode: "all", basis: null, ranges: [] }),
  });
  bind({
    group,
    keys: ["v"],
    text: "select all in view",
    run: () => {
      const [from, to] = grid.visible();
      if (from < to) grid.select([[from, to]], true);
    },
  });
}
