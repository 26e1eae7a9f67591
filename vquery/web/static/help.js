/** The list of keys: made from what is bound, so that it is complete. */

import { el, openDialog } from "./dialogs.js";
import { allBindings } from "./keys.js";

const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
const PLACES = {
  grid: "in the results",
  inspector: "in the inspector",
  timeline: "in the timeline",
  query: "in the query",
};
/** Keys that the query's own field answers to. @type {Array<[string[], string]>} */
const TYPING = [
  [["Enter"], "run the query (in the query)"],
  [["Shift Enter"], "a new line (in the query)"],
  [["Ctrl Space"], "completions (in the query)"],
  [["↑", "↓", "Tab"], "choose and take a completion"],
  [["Esc"], "close the list, cancel the query, back to the results"],
];
const MOUSE = [
  ["click", "put the focus on an item"],
  ["double click", "open it in the inspector and play"],
  ["Ctrl-click, or the corner", "select or leave out"],
  ["Shift-click", "select the range"],
  ["drag", "select with a lasso; with Shift or Ctrl, add to the selection"],
];

/** @param {string} key as a person writes it: letters large */
function shown(key) {
  return key
    .split(/\+(?=.)/)
    .map((part) => NAMES[part] ?? (/^\p{Ll}$/u.test(part) ? part.toUpperCase() : part))
    .join(" ");
}

/** @param {import("./keys.js").Binding} binding */
function keysOf(binding) {
  if (binding.shown) return [binding.shown];
  return binding.keys.map(shown);
}

/**
 * @param {string} title
 * @param {Array<[string[], string]>} lines
 */
function table(title, lines) {
  const rows = lines.map(([keys, text]) =>
    el("tr", {}, el("th", { scope: "row" }, ...keys.map((key) => el("kbd", {}, key))), el("td", {}, text)),
  );
  return el("section", {}, el("h3", {}, title), el("table", {}, el("tbody", {}, ...rows)));
}

export function openHelp() {
  /** @type {Map<string, Array<[string[], string]>>} */
  const groups = new Map();
  for (const binding of allBindings()) {
    const lines = groups.get(binding.group) ?? [];
    const place = binding.scope && !binding.text.includes("(") ? ` (${PLACES[binding.scope]})` : "";
    lines.push([keysOf(binding), binding.text + place]);
    groups.set(binding.group, lines);
  }
  groups.set("Query", [...(groups.get("Query") ?? []), ...TYPING]);
  const mouse = /** @type {Array<[string[], string]>} */ (MOUSE.map(([key, text]) => [[key], text]));
  const body = el(
    "div",
    {},
    el(
      "p",
      { class: "quiet" },
      "Borders: solid is confirmed by a person, dashed is proposed, hatched is in conflict. ",
      "Labels go to the selection, else to the item in focus. Everything can be undone.",
    ),
    el("div", { class: "help" }, ...[...groups, ["Mouse", mouse]].map(([title, lines]) => table(title, lines))),
  );
  openDialog({ title: "Keys", body, wide: true });
}
