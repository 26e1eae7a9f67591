/** The grid: cells of a result, of which only those in view exist. */

import { get, isAbort, isGone } from "./api.js";
import { dropCell, emptyCell, fillCell, proposalOf } from "./cells.js";
import { el } from "./dialogs.js";
import { count } from "./formats.js";
import { mountBar, pictureSize, titleOf } from "./gridbar.js";
import { bindGridKeys } from "./gridkeys.js";
import { Layout } from "./layout.js";
import { learn } from "./palette.js";
import { isAlike } from "./likeness.js";
import { Pages } from "./pages.js";
import { mountPointer } from "./pointer.js";
import { Scroller } from "./scroller.js";
import * as choice from "./selection.js";
import { dispatch, note, state, subscribe } from "./store.js";

const AROUND = 240;
const KNOWN = 20_000;
const CAPTION = 24;
/** Orders that labels decide: they stay as they are until one is chosen again. */
const OF_LABELS = new Set(["label", "margin", "conflict", "probability", "unsure"]);

class Grid {
  /** @param {HTMLElement} pane */
  constructor(pane) {
    this.bar = el("div", { id: "gridbar", class: "bar", role: "toolbar", "aria-label": "View" });
    this.labels = el("div", { id: "labels", class: "bar", role: "toolbar", "aria-label": "Labels" });
    this.window = el("div", { class: "window", role: "presentation" });
    this.spacer = el("div", { class: "spacer", role: "presentation" });
    this.frame = el(
      "div",
      {
        id: "cells",
        tabindex: "0",
        role: "listbox",
        "aria-multiselectable": "true",
        "aria-label": "Results",
      },
      this.window,
      this.spacer,
    );
    this.empty = el("p", { class: "empty", hidden: true }, "Nothing was found: change the query above.");
    this.window.append(this.empty);
    pane.append(this.bar, this.labels, this.frame);
    /** @type {Map<number, {element: HTMLElement, row: ?import("./store.js").Row}>} */
    this.cells = new Map();
    /** @type {Map<number, HTMLElement>} by first position */
    this.headings = new Map();
    /** @type {?Pages} */
    this.pages = null;
    /** @type {Array<{key: string, title: string, count: number}>} */
    this.groups = [];
    this.layout = this.measure();
    this.drawing = 0;
    this.scroller = new Scroller(this.frame, this.spacer, () => this.draw());
    new ResizeObserver(() => this.lay()).observe(this.frame);
  }

  get total() {
    return state.result?.total ?? 0;
  }

  /** @returns {import("./selection.js").Basis} */
  get basis() {
    return { sort: state.view.sort, descending: state.view.descending };
  }

  measure() {
    const { least, ratio } = pictureSize();
    return new Layout({
      total: this.total,
      width: this.frame.clientWidth,
      least,
      body: (width) => width * ratio + CAPTION,
      groups: this.groups,
    });
  }

  /** Read the rows anew: another result, order or concept; the server makes the order anew. */
  async reset() {
    this.pages?.close();
    this.pages = null;
    this.groups = [];
    this.clear();
    const result = state.result;
    this.empty.hidden = !result || result.total > 0;
    if (!result) return this.lay();
    const what = { result: result.id, total: result.total, concept: state.concept, ...this.basis };
    const pages = new Pages(what, {
      loaded: (from, to) => this.loaded(from, to),
      failed: (error) => this.failed(error, result.id),
    });
    this.pages = pages;
    if (state.view.group) await this.readGroups(result.id, state.view.group);
    else if (OF_LABELS.has(state.view.sort)) {
      await pages.order().catch((error) => this.failed(error, result.id));
    }
    if (pages === this.pages) this.lay();
  }

  /**
   * Say what could not be read; a result that the server let go is asked for again.
   * @param {Error} error
   * @param {string} result
   */
  failed(error, result) {
    if (isAbort(error) || state.result?.id !== result) return;
    if (isGone(error)) dispatch("gone");
    else note(error.message, "error");
  }

  /**
   * @param {string} result
   * @param {string} by
   */
  async readGroups(result, by) {
    const path = `/api/results/${encodeURIComponent(result)}/groups`;
    try {
      const { groups, total } = await get(path, { by, concept: state.concept, fresh: true });
      this.groups = groups.map(({ key, count }) => {
        return { key: String(key), title: titleOf(by, key), count };
      });
      if (total > groups.length) {
        note(`${count(total)} groups: the first ${count(groups.length)} have headings.`);
      }
    } catch (error) {
      this.failed(/** @type {Error} */ (error), result);
    }
  }

  clear() {
    for (const { element } of this.cells.values()) dropCell(element);
    this.cells.clear();
    for (const element of this.headings.values()) element.remove();
    this.headings.clear();
  }

  /** Lay the cells out anew, keeping the first one in view. */
  lay() {
    const before = this.layout;
    const first = before.total ? before.between(this.scroller.top, this.scroller.top + 1).from : 0;
    this.layout = this.measure();
    this.clear();
    this.scroller.resize(this.layout.bottom);
    if (first > 0 && first < this.total && before.total === this.total) {
      this.scroller.go(this.layout.place(first).top - 8);
    }
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const top = this.scroller.top;
    const shown = this.layout.between(top - AROUND, top + this.scroller.view + AROUND);
    if (!this.pages || !this.total) return;
    for (const [position, { element }] of this.cells) {
      if (position < shown.from || position >= shown.to) {
        dropCell(element);
        this.cells.delete(position);
      }
    }
    for (let position = shown.from; position < shown.to; position++) this.drawCell(position, top);
    this.drawHeadings(shown.headings, top);
    this.pages.want(shown.from, shown.to);
  }

  /**
   * @param {number} position
   * @param {number} top
   */
  drawCell(position, top) {
    let cell = this.cells.get(position);
    if (!cell) {
      cell = { element: emptyCell(), row: null };
      cell.element.id = `cell-${position}`;
      cell.element.dataset.position = String(position);
      cell.element.setAttribute("aria-posinset", String(position + 1));
      cell.element.setAttribute("aria-setsize", String(this.total));
      cell.element.style.width = `${this.layout.width}px`;
      cell.element.style.height = `${this.layout.height}px`;
      this.cells.set(position, cell);
      this.window.append(cell.element);
    }
    const place = this.layout.place(position);
    cell.element.style.transform = `translate(${place.left}px, ${Math.round(place.top - top)}px)`;
    const row = this.pages?.row(position) ?? null;
    if (row && row !== cell.row) {
      fillCell(cell.element, row, { mode: pictureSize().mode, sort: state.view.sort, total: this.total });
      cell.row = row;
    }
    this.mark(position, cell);
  }

  /**
   * @param {number} position
   * @param {{element: HTMLElement, row: ?import("./store.js").Row}} cell
   */
  mark(position, { element, row }) {
    const selected = choice.isSelected(state.selection, this.basis, position, row?.row ?? null);
    element.classList.toggle("selected", selected);
    element.classList.toggle("focus", position === state.focus);
    element.setAttribute("aria-selected", String(selected));
  }

  /**
   * @param {import("./layout.js").Section[]} headings
   * @param {number} top
   */
  drawHeadings(headings, top) {
    const starts = new Set(headings.map((section) => section.start));
    for (const [start, element] of this.headings) {
      if (!starts.has(start)) {
        element.remove();
        this.headings.delete(start);
      }
    }
    for (const section of headings) {
      let element = this.headings.get(section.start);
      if (!element) {
        element = this.heading(section);
        this.headings.set(section.start, element);
        this.window.append(element);
      }
      element.style.transform = `translateY(${Math.round(section.top - top)}px)`;
    }
  }

  /** @param {import("./layout.js").Section} section */
  heading(section) {
    const all = () => this.select([[section.start, section.start + section.count]], true);
    return el(
      "div",
      { class: "heading", role: "presentation" },
      el("strong", {}, section.title ?? ""),
      el("span", { class: "quiet" }, count(section.count)),
      el("button", { type: "button", class: "link", tabindex: "-1", onclick: all }, "select"),
    );
  }

  marks() {
    for (const [position, cell] of this.cells) this.mark(position, cell);
    const here = state.focus !== null && this.cells.has(state.focus);
    if (here) this.frame.setAttribute("aria-activedescendant", `cell-${state.focus}`);
    else this.frame.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  loaded(from, to) {
    const rows = [];
    for (let at = from; at < to; at++) rows.push(this.pages?.row(at));
    const labels = rows.map((row) => (row && proposalOf(row)) ?? row?.label ?? null);
    if (learn(labels)) dispatch("palette");
    this.draw();
    const { focus, row } = state;
    if (focus === null || focus < from || focus >= to) return;
    const fresh = this.pages?.row(focus) ?? null;
    if (fresh && row === null) dispatch("focus", { row: fresh });
    else if (fresh && row?.row === fresh.row) dispatch("row", { row: fresh });
  }

  /**
   * Put the focus on a position and show it.
   * @param {number} position
   */
  focus(position) {
    if (!this.total || !this.pages) return;
    const at = Math.max(0, Math.min(position, this.total - 1));
    const { top } = this.layout.place(at);
    const section = this.layout.sectionOf(at);
    const inFirstLine = at - section.start < this.layout.columns;
    this.scroller.show((inFirstLine ? section.top : top) - 8, top + this.layout.height + 8);
    const row = this.pages.row(at);
    dispatch("focus", { focus: at, row });
    if (!row) void this.fetchFocus(at);
  }

  /** @param {number} position */
  async fetchFocus(position) {
    const pages = this.pages;
    try {
      const row = await pages?.fetch(position);
      if (row && pages === this.pages && state.focus === position && !state.row) dispatch("focus", { row });
    } catch (error) {
      if (pages) this.failed(/** @type {Error} */ (error), pages.what.result);
    }
  }

  /**
   * Select positions of this view, or leave them out.
   * @param {import("./selection.js").Range[]} ranges
   * @param {boolean} on
   */
  select(ranges, on) {
    const { selection } = state;
    const same = selection.basis === null || choice.sameBasis(selection.basis, this.basis);
    if (same) return this.choose(choice.changed(selection, this.basis, ranges, on));
    const rows = choice.byRow({ mode: "some", basis: this.basis, ranges }, (at) => this.rowAt(at), KNOWN);
    if (rows) return this.choose(choice.changed(selection, choice.BY_ROW, rows.ranges, on));
    note("The selection was made in another order: it was begun anew.");
    return this.choose(choice.changed(choice.NONE, this.basis, ranges, on));
  }

  /** @param {import("./selection.js").Selection} selection */
  choose(selection) {
    dispatch("selection", { selection });
  }

  /** @param {number} position */
  rowAt(position) {
    return this.pages?.row(position)?.row ?? null;
  }

  /** The selection in terms of rows where these are known: no later change of order moves it. */
  firm() {
    return choice.byRow(state.selection, (at) => this.rowAt(at), KNOWN) ?? state.selection;
  }

  /** @returns {[number, number]} positions wholly in view */
  visible() {
    const { from, to } = this.layout.between(
      this.scroller.top + this.layout.height * 0.6,
      this.scroller.top + this.scroller.view - this.layout.height * 0.6,
    );
    return [from, to];
  }
}

/** @type {Grid} */
let grid;

/** Put the focus on a position of the view. @param {number} position */
export const focusPosition = (position) => grid?.focus(position);

/** Positions that are wholly in view, as far as their rows are here. @returns {[number, number]} */
export function inView() {
  const [from, to] = grid.visible();
  let end = from;
  while (end < to && grid.rowAt(end) !== null) end++;
  return [from, end];
}

/** Go on to a position: it comes first in view, with the focus. @param {number} position */
export function showFrom(position) {
  grid.scroller.go(grid.layout.place(position).top - 8);
  grid.focus(position);
}

/** The selection, by rows where these are known. */
export const firmSelection = () => grid?.firm() ?? state.selection;

/**
 * Show the result in another way; the selection stays where its rows are known.
 * @param {Partial<typeof state.view>} change
 */
export function changeView(change) {
  const selection = grid.firm();
  const lost = selection.basis !== null && !choice.sameBasis(selection.basis, choice.BY_ROW);
  if (lost) note("The selection is larger than what is loaded: it was cleared with the change of order.");
  dispatch("view", { view: { ...state.view, ...change }, selection: lost ? choice.NONE : selection });
}

/** @param {HTMLElement} pane */
export function mount(pane) {
  grid = new Grid(pane);
  let first = 0;
  subscribe("result", () => {
    const { result, focus, view: before } = state;
    first = result?.again ? (focus ?? 0) : 0;
    const view = result?.again && !isAlike() ? before : { sort: "row", descending: false, group: "" };
    dispatch("focus", { focus: null, row: null, selection: choice.NONE, view });
  });
  mountBar(grid.bar, changeView, () => grid.lay());
  mountPointer(grid);
  bindGridKeys(grid);
  const anew = async () => {
    await grid.reset();
    if (grid.total) grid.focus(first);
    first = 0;
    dispatch("selection");
  };
  subscribe("result", () => void anew());
  subscribe("view", () => void anew());
  subscribe("concept", () => void grid.reset().then(() => state.focus !== null && grid.focus(state.focus)));
  subscribe("labels", () => grid.pages?.refresh());
  subscribe("palette", () => grid.lay());
  subscribe("focus", () => grid.marks());
  subscribe("selection", () => grid.marks());
}
