/** The list of keys: made from what is bound, so that it is complete. */

import { el, openDialog } from "./dialogs.js";
import { allBindings } from "./keys.js";
import { byId } from "./root.js";

const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
const PLACES = {
  grid: "in the results",
  inspector: "in the inspector",
  timeline: "in the timeline",
  query: "in the query",
  drawing: "while drawing",
};
/** Keys that the query's own field answers to. @type {Array<[string[], string]>} */
const TYPING = [
  [["Enter"], "run the query (in the query)"],
  [["Shift Enter"], "a new line (in the query)"],
  [["Ctrl Space"], "completions (in the query)"],
  [["↑", "↓", "Tab"], "choose and take a completion"],
  [["Esc"], "close the list, cancel the query, back to the results"],
];
/** Keys of every dialog. @type {Array<[string[], string]>} */
const ASKED = [
  [["Enter"], "in a field: what the coloured button does"],
  [["Ctrl Enter"], "anywhere in it: the same"],
  [["Esc"], "close it"],
];
/** What the mouse does, by place. @type {Array<[string, Array<[string[], string]>]>} */
const MOUSE = [
  ["Mouse on the results", [
    [["click"], "put the focus on an item"],
    [["double click"], "open it in the inspector and play"],
    [["Ctrl click", "corner"], "select or leave out"],
    [["Shift click"], "select the range"],
    [["drag"], "select with a lasso, which scrolls at the edges"],
    [["Shift drag", "Ctrl drag"], "add to the selection with a lasso"],
  ]],
  ["Mouse on the timeline", [
    [["hover"], "the picture at that time, and what the bar says"],
    [["click"], "go to that time; on a bar, choose it as well"],
    [["drag"], "earlier or later"],
    [["drag an edge"], "in the lane of people: move the start or end of a labelled span"],
    [["wheel"], "show more or less time, about the place of the mouse"],
    [["Shift wheel", "sideways"], "earlier or later"],
  ]],
  ["Mouse elsewhere", [
    [["drag a border"], "the sizes of the inspector and the timeline (by keys: Tab to it, arrows)"],
  ]],
];
/** Where the mouse does it; a widget has few of these. @type {Object<string, string>} */
const MOUSED = {
  "Mouse on the results": "grid",
  "Mouse on the timeline": "timeline",
  "Mouse elsewhere": "split",
};
/** The two keys that depend on the pane. */
const SHARED =
  "Two keys depend on where the focus is. In the results, N rejects and P goes back by an item; in the video and "
  + "the timeline, N and P go to the next and previous hit, and Shift N rejects. The status line begins with the "
  + "pane that has the keys, and its upper edge is marked; F6 goes round, Esc leads back to the results.";

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
    if (binding.scope && !byId(binding.scope)) continue;
    const lines = groups.get(binding.group) ?? [];
    const place = binding.scope && !binding.text.includes("(") ? ` (${PLACES[binding.scope]})` : "";
    lines.push([keysOf(binding), binding.text + place]);
    groups.set(binding.group, lines);
  }
  if (byId("query")) groups.set("Query", [...(groups.get("Query") ?? []), ...TYPING]);
  groups.set("Dialogs", ASKED);
  const moused = MOUSE.filter(([title]) => byId(MOUSED[title]));
  const body = el(
    "div",
    {},
    el(
      "p",
      { class: "quiet" },
      "Borders: solid is confirmed by a person, dashed is proposed, hatched is in conflict. ",
      "Labels go to the selection, else to the item in focus. Everything can be undone.",
    ),
    byId("grid") && byId("timeline") && el("p", { class: "quiet" }, SHARED),
    el("div", { class: "help" }, ...[...groups, ...moused].map(([title, lines]) => table(title, lines))),
  );
  const dialog = openDialog({ title: "Keys", body, wide: true });
  const list = /** @type {HTMLElement} */ (dialog.element.querySelector(".dialog-body"));
  list.tabIndex = 0; // so that arrows and Page Down read on
  list.focus();
}
