/**
 * The keyboard: every key is bound here, so that the help lists every key and none twice.
 *
 * A letter is named in lower case ("y"), with Shift as "Shift+y"; other characters by what they
 * type ("?", "["); then "Ctrl+a" (Cmd counts as Ctrl), "Enter", "ArrowLeft", "Space".
 * A binding with a scope counts while the focus is in that pane, before one without.
 */

import { root } from "./root.js";
import { dispatch } from "./store.js";

/** The panes in the order of the page, with what takes the focus in each. @type {Array<[string, string]>} */
const PANES = [
  ["query", "#text"],
  ["grid", "#cells"],
  ["inspector", "#inspector"],
  ["timeline", "#timeline svg.lanes"],
];

/**
 * @typedef {Object} Binding
 * @property {string[]} keys
 * @property {string} text what it does, for the help
 * @property {string} group heading in the help
 * @property {function(KeyboardEvent): void} run
 * @property {"query"|"grid"|"inspector"|"timeline"|"drawing"} [scope] id of a pane
 * @property {boolean} [inText] also while a text field has the focus
 * @property {string} [shown] how the help writes the keys, where the list would be long
 */

/** @type {Binding[]} */
const bindings = [];
/** @type {Map<string, Binding>} */
const byKey = new Map();

/**
 * Bind keys; a key bound twice in one scope is an error of the program.
 * @param {Binding} binding
 */
export function bind(binding) {
  for (const key of binding.keys) {
    const name = `${binding.scope ?? ""} ${key}`;
    if (byKey.has(name)) throw new Error(`The key ${key} is bound twice (${binding.scope ?? "everywhere"}).`);
    byKey.set(name, binding);
  }
  bindings.push(binding);
}

/** @returns {readonly Binding[]} in the order in which they were bound */
export const allBindings = () => bindings;

/** @param {KeyboardEvent} event */
export function keyName(event) {
  let key = event.key === " " ? "Space" : event.key;
  const letter = key.length === 1 && /\p{L}/u.test(key);
  if (letter) key = key.toLowerCase();
  const named = letter || key.length > 1;
  return (
    (event.ctrlKey || event.metaKey ? "Ctrl+" : "") +
    (event.altKey ? "Alt+" : "") +
    (event.shiftKey && named ? "Shift+" : "") +
    key
  );
}

/** @param {?Element} element */
export function isText(element) {
  if (element instanceof HTMLInputElement) {
    return !["checkbox", "radio", "button", "range", "color"].includes(element.type);
  }
  return (
    element instanceof HTMLTextAreaElement ||
    element instanceof HTMLSelectElement ||
    (element instanceof HTMLElement && element.isContentEditable)
  );
}

/** Elements that answer to Enter, Space and arrows themselves. */
const OWN_KEYS = "button, a[href], summary, input, [role=separator], [role=slider], [role=menuitem]";

/** @returns {string} id of the pane in focus, "" outside all; what has no focus is for the results */
export function paneInFocus() {
  const here = root().activeElement;
  if (!here || here === document.body) return "grid";
  return here.closest(".pane")?.id ?? "";
}

/** Go to the next pane, or back. @param {number} direction */
function turn(direction) {
  const panes = PANES.filter(([, first]) => root().querySelector(first)); // a widget has few of them
  const at = panes.findIndex(([id]) => id === paneInFocus());
  const next = at < 0 ? 0 : (at + direction + panes.length) % panes.length;
  if (panes.length) root().querySelector(panes[next][1])?.focus();
}

/** The keys that walk through the panes, and news of where the focus is. */
function watchPanes() {
  const group = "Move and select";
  bind({ group, keys: ["F6"], text: "next pane: query, results, video, timeline", inText: true, run: () => turn(1) });
  bind({ group, keys: ["Shift+F6"], text: "the pane before", inText: true, run: () => turn(-1) });
  let last = "";
  const tell = () => {
    const pane = paneInFocus();
    if (pane !== last) dispatch("pane", { pane });
    last = pane;
  };
  root().addEventListener("focusin", tell);
  root().addEventListener("focusout", () => setTimeout(tell));
  tell();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.isComposing || root().querySelector("dialog[open]")) return;
  const target = event.target instanceof Element ? event.target : null;
  const name = keyName(event);
  if (/^(Shift\+)?(Enter|Space|Arrow|Home|End|Page)/.test(name) && target?.matches(OWN_KEYS)) return;
  const binding = byKey.get(`${paneInFocus()} ${name}`) ?? byKey.get(` ${name}`);
  if (!binding || (isText(target) && !binding.inText)) return;
  event.preventDefault();
  binding.run(event);
}

/** Hear the keys of the page, or of one widget: those of the notebook around it are not ours. */
export function listen() {
  root().addEventListener("keydown", /** @type {EventListener} */ (onKey));
  watchPanes();
}
