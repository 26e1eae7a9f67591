/** The bar over the grid: order, groups, pictures and their size. */

import { el } from "./dialogs.js";
import { count, counted } from "./formats.js";
import { LIKE, nameOf } from "./likeness.js";
import * as choice from "./selection.js";
import { remember, remembered, state, subscribe } from "./store.js";

/** Orders that every result has: name, what it says, whether it begins with the largest. */
const ORDERS = [
  ["row", "as queried", false],
  ["time", "time", false],
  ["score", "score", true],
  ["margin", "uncertainty", false],
  ["conflict", "conflict", true],
  ["label", "label", false],
  ["cluster", "likeness", false],
];
const GROUPS = [
  ["", "none"],
  ["video", "video"],
  ["track", "track"],
  ["cluster", "likeness"],
  ["label", "label"],
];
/** @type {Array<[string, string]>} */
const PICTURES = [["crop", "crops"], ["strip", "strips"]];
/** @type {Array<[string, string]>} */
const SIZES = [["small", "S"], ["medium", "M"], ["large", "L"]];
/** Narrowest cell by size, for crops and strips; a crop is square, a strip three frames wide. */
const LEAST = { small: [64, 168], medium: [96, 240], large: [152, 360] };
const RATIO = { crop: 1, strip: 0.19 };
const HIDDEN = new Set(["video", "start_us", "end_us", "x1", "y1", "x2", "y2", "score"]);

/** @returns {{mode: "crop"|"strip", least: number, ratio: number}} */
export function pictureSize() {
  const crops = state.result?.detections && remembered("pictures", "crop") === "crop";
  const least = LEAST[remembered("size", "medium")] ?? LEAST.medium;
  return crops
    ? { mode: "crop", least: least[0], ratio: RATIO.crop }
    : { mode: "strip", least: least[1], ratio: RATIO.strip };
}

/**
 * @param {string} label
 * @param {Array<[string, string]>} options
 * @param {function(string): void} change
 */
function menu(label, options, change) {
  const select = /** @type {HTMLSelectElement} */ (
    el("select", {}, ...options.map(([value, text]) => el("option", { value }, text)))
  );
  select.addEventListener("change", () => change(select.value));
  const field = el("label", { class: "menu" }, el("span", { class: "quiet" }, label), select);
  return { select, field };
}

/**
 * @param {HTMLElement} bar
 * @param {function(Object): void} changeView
 * @param {function(): void} changeSize
 */
export function mountBar(bar, changeView, changeSize) {
  const order = menu("Sort", [], (sort) => {
    const largest = sort.startsWith(LIKE) || (ORDERS.find(([name]) => name === sort)?.[2] ?? false);
    changeView({ sort, descending: largest, group: "" });
  });
  const turn = el("button", {
    type: "button",
    class: "icon",
    onclick: () => changeView({ descending: !state.view.descending, group: "" }),
  });
  const group = menu("Group", /** @type {Array<[string, string]>} */ (GROUPS), (by) =>
    changeView({ group: by, sort: by || "row", descending: false }),
  );
  const pictures = menu("Show", PICTURES, (mode) => resize("pictures", mode));
  const size = menu("Size", SIZES, (name) => resize("size", name));
  size.select.value = remembered("size", "medium");
  const resize = (/** @type {string} */ key, /** @type {string} */ value) => {
    remember(key, value);
    changeSize();
  };
  const shown = el("span", { class: "shown quiet", "aria-live": "polite" });
  bar.append(order.field, turn, group.field, pictures.field, size.field, shown);

  const refresh = () => {
    fillOrders(order.select);
    order.select.value = state.view.sort;
    for (const option of group.select.options) option.hidden = option.disabled = !possible(option.value);
    group.select.value = state.view.group;
    turn.textContent = state.view.descending ? "↓" : "↑";
    turn.title = state.view.descending ? "Largest first: turn round" : "Smallest first: turn round";
    turn.setAttribute("aria-label", turn.title);
    pictures.field.hidden = !state.result?.detections;
    pictures.select.value = pictureSize().mode;
  };
  const tell = () => {
    shown.textContent = said();
  };
  for (const event of ["result", "view", "collection"]) subscribe(event, refresh);
  for (const event of ["result", "focus", "selection"]) subscribe(event, tell);
  refresh();
  tell();
}

function said() {
  const total = state.result?.total ?? 0;
  if (!total) return "";
  const selected = choice.selectedCount(state.selection, total);
  const at = state.focus === null ? "" : `${count(state.focus + 1)} of ${count(total)}`;
  return selected ? `${counted(selected, "selected", "selected")} · ${at}` : at;
}

/**
 * What stands over a group.
 * @param {string} by
 * @param {*} key
 */
export function titleOf(by, key) {
  if (key === null || key === "") return by === "label" ? "no label" : `no ${by}`;
  return by === "video" || by === "label" ? String(key) : `${by} ${key}`;
}

/** Whether the result at hand can be ordered and grouped so. @param {string} name */
function possible(name) {
  const columns = (state.result?.columns ?? []).map((column) => column.name);
  if (name === "score" || name === "track") return columns.includes(name);
  return name !== "cluster" || Boolean(state.result?.detections);
}

/** @param {HTMLSelectElement} select */
function fillOrders(select) {
  const named = ORDERS.filter(([name]) => possible(name)).map(([name, text]) => [name, text]);
  const columns = (state.result?.columns ?? [])
    .map(({ name }) => name)
    .filter((name) => !HIDDEN.has(name) && !ORDERS.some(([order]) => order === name));
  const names = new Set([...named.map(([name]) => name), ...columns]);
  const learnt = state.alike?.result === state.result?.id ? state.alike : null;
  const alike = learnt ? [[learnt.sort, nameOf(learnt)]] : [];
  const known = names.has(state.view.sort) || state.view.sort === learnt?.sort;
  const extra = known ? [] : [[state.view.sort, state.view.sort]];
  const wanted = [...named, ...alike, ...extra, ...columns.map((name) => [name, name])];
  if (select.dataset.filled === JSON.stringify(wanted)) return;
  select.dataset.filled = JSON.stringify(wanted);
  select.replaceChildren(...wanted.map(([value, text]) => el("option", { value }, text)));
}
