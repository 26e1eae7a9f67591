/** Labels: the values under the keys 1 to 9, and what is done to the selection or the item in focus. */

import { isGone, post } from "./api.js";
import { askText, el } from "./dialogs.js";
import { counted } from "./formats.js";
import { firmSelection, focusPosition, inView, showFrom } from "./grid.js";
import { bind } from "./keys.js";
import { isAlike } from "./likeness.js";
import * as palette from "./palette.js";
import { openPalette } from "./palettedialog.js";
import { byId, root } from "./root.js";
import * as choice from "./selection.js";
import { dispatch, note, remember, state, subscribe } from "./store.js";

const PAUSE_MS = 120;
const SHOWN = 24;
const NEW = "\u0000new";
const NAME = /^[A-Za-z]\w{0,62}$/;

/** Actions are sent one after the other, in the order of the keys. */
let queue = Promise.resolve();
let waiting = 0;
let timer = 0;

/**
 * What an action is for: the selection, else the item in focus.
 * @returns {?{selection: Object, count: number, next: number}}
 */
function target() {
  const { result, row, focus } = state;
  if (!result || focus === null) return null;
  const count = choice.selectedCount(state.selection, result.total);
  if (count) {
    const last = state.selection.ranges[state.selection.ranges.length - 1];
    const ordered = state.selection.mode === "some" && choice.sameBasis(state.selection.basis, state.view);
    const selection = choice.asBody(firmSelection(), result.id);
    return { selection, count, next: ordered ? last[1] : focus };
  }
  const [basis, at] = row ? [choice.BY_ROW, row.row] : [state.view, focus]; // also while it loads
  const one = choice.changed(choice.NONE, basis, [[at, at + 1]], true);
  return { selection: choice.asBody(one, result.id), count: 1, next: focus + 1 };
}

/**
 * Send one action for the target, and go on to the next item.
 * @param {string} path
 * @param {Object<string, *>} [more]
 */
function act(path, more = {}) {
  const at = target();
  if (!at) return note("There is nothing to label: run a query and move to an item.");
  sendFor(at.selection, path, more);
  if (at.next < (state.result?.total ?? 0)) focusPosition(at.next);
}

/**
 * @param {Object} selection as the server takes it
 * @param {string} path
 * @param {Object<string, *>} more
 */
function sendFor(selection, path, more) {
  const { concept, result } = state;
  const body = { selection, concept, query: result?.text, ...more };
  send(() => post(path, body), true, result?.id);
  if (state.selection.mode !== "none") dispatch("selection", { selection: choice.NONE });
}

/** What is proposed is judged; an order by likeness proposes too. @param {string} path */
function judge(path) {
  act(path, proposing(path));
}

/** @param {string} path @returns {Object<string, *>} */
const proposing = (path) => (path !== "/api/unsure" && isAlike() ? { alike: state.view.sort } : {});

/** Accept what is proposed of all in view, and go on to the next screen. */
function acceptInView() {
  const { result, view } = state;
  const [from, to] = inView();
  if (!result || from >= to) return note("Nothing is in view yet: wait for the rows, or run a query.");
  const seen = choice.changed(choice.NONE, view, [[from, to]], true);
  sendFor(choice.asBody(seen, result.id), "/api/accept", proposing("/api/accept"));
  if (to < result.total) showFrom(to);
}

/**
 * @param {function(): Promise<any>} request
 * @param {boolean} undo whether it can be taken back
 * @param {string} [result] that it is about
 */
export function send(request, undo, result) {
  waiting++;
  inTurn(async () => {
    try {
      const said = await request();
      if (state.collection && said.event) state.collection.last_event = said.event;
      const done = Boolean(said.event);
      note(said.sentence, done ? "done" : "info", undo && done);
    } finally {
      waiting--;
      clearTimeout(timer);
      timer = setTimeout(() => waiting || dispatch("labels"), PAUSE_MS);
    }
  }, result);
}

/**
 * Do something after the actions that were begun before.
 * @param {function(): Promise<void>} work
 * @param {string} [result] that it is about
 */
export function inTurn(work, result) {
  queue = queue.then(work).catch((error) => {
    note(error.message, "error");
    if (isGone(error) && result && result === state.result?.id) dispatch("gone");
  });
}

/** @param {?string} value null: none of the values */
export const label = (value) => act("/api/labels", { value });
export const undo = () => send(() => post("/api/undo"), false);
export const redo = () => send(() => post("/api/redo"), true);

/** @param {number} index of the palette */
function labelAt(index) {
  const value = palette.values()[index];
  if (value === undefined) return note(`No value is under ${index + 1} yet: + adds one.`);
  label(value);
}

/** Ask for a new value and give it to the target. */
async function newValue() {
  const at = target();
  const value = await askText({
    title: `A new value of ${state.concept}`,
    label: "Value",
    hint: `${at ? `Given to ${counted(at.count, "item")}, and kept` : "Kept"} under the next free key.`,
    done: at ? "Add and label" : "Add",
  });
  if (value === null) return;
  if (!palette.values().includes(value)) palette.keep([...palette.values(), value]);
  dispatch("palette");
  if (at) label(value);
}

async function newConcept() {
  const name = await askText({
    title: "A new concept to label",
    label: "Name",
    hint: "A letter, then letters, digits or _: role, team, shot_type.",
    done: "Use",
    check: (text) => (NAME.test(text) ? undefined : "A name is a letter, then letters, digits or _."),
  });
  if (name !== null) changeConcept(name);
  dispatch("palette");
}

/** Show another concept's labels; the selection stays where its rows are known. @param {string} concept */
export function changeConcept(concept) {
  if (state.collection) remember(`concept:${state.collection.path}`, concept);
  const selection = firmSelection();
  const lost = selection.basis !== null && !choice.sameBasis(selection.basis, choice.BY_ROW);
  dispatch("concept", { concept, selection: lost ? choice.NONE : selection });
}

/** @returns {HTMLSelectElement} */
function conceptMenu() {
  const select = /** @type {HTMLSelectElement} */ (
    el("select", { "aria-label": "Concept that is labelled" })
  );
  select.addEventListener("change", () => {
    if (select.value !== NEW) return changeConcept(select.value);
    select.value = state.concept;
    void newConcept();
  });
  return select;
}

/** @param {HTMLSelectElement} select */
function fillConcepts(select) {
  const names = [...new Set([...(state.collection?.label_concepts ?? []), state.concept])];
  select.replaceChildren(
    ...names.map((name) => el("option", { value: name }, name)),
    el("option", { value: NEW }, "new concept …"),
  );
  select.value = state.concept;
}

/** After the mouse, the keys are for the results again. @param {function(): void} run */
function pressed(run) {
  byId("cells")?.focus();
  run();
}

/** @param {string} value @param {number} index @param {number} [count] */
function chip(value, index, count) {
  const key = index < 9 ? String(index + 1) : "";
  return el(
    "button",
    {
      type: "button",
      class: `chip hue-${palette.hue(value)}`,
      tabindex: "-1",
      "aria-keyshortcuts": key || null,
      title: `Label ${value}${count ? ` (${counted(count, "label")})` : ""}`,
      onclick: () => pressed(() => label(value)),
    },
    key && el("kbd", {}, key),
    el("span", { class: "chip-text" }, value),
    count ? el("small", { class: "quiet" }, counted(count, "", "").trim()) : null,
  );
}

/**
 * @param {string} key
 * @param {string} text
 * @param {string} title
 * @param {function(): void} run
 */
export const action = (key, text, title, run) =>
  el(
    "button",
    { type: "button", class: "action", tabindex: "-1", "aria-keyshortcuts": key, title, onclick: () => pressed(run) },
    el("kbd", {}, key),
    text,
  );

/**
 * Accept, reject, unsure. In the video and the timeline a plain n is the next hit, so there a
 * rejection takes Shift.
 * @type {Array<{key: string, text: string, title: string, path: string, keys: string[], scoped?: string}>}
 */
const ACTIONS = [
  {
    key: "Y",
    text: "Accept",
    title: "The proposed label is right",
    path: "/api/accept",
    keys: ["y", "Shift+y"],
  },
  {
    key: "N",
    text: "Reject",
    title: "The proposed label is wrong: it is not proposed again",
    path: "/api/reject",
    keys: ["Shift+n"],
    scoped: "n",
  },
  {
    key: "U",
    text: "Unsure",
    title: "Set aside: not suggested again",
    path: "/api/unsure",
    keys: ["u", "Shift+u"],
  },
];

export function mountLabelling() {
  const bar = /** @type {HTMLElement} */ (byId("labels"));
  const concept = conceptMenu();
  const chips = el("div", { class: "chips" });
  const judged = el("div", { class: "judge" });
  for (const { key, text, title, path } of ACTIONS) {
    judged.append(action(key, text, title, () => judge(path)));
  }
  const aim = el("span", { class: "aim" });
  const menu = el("label", { class: "menu" }, el("span", { class: "quiet" }, "Label"), concept);
  bar.append(menu, chips, judged, aim);
  const hint = () => {
    const reject = /** @type {HTMLElement} */ (judged.children[1]);
    const key = state.pane === "grid" ? "N" : "⇧N";
    /** @type {HTMLElement} */ (reject.querySelector("kbd")).textContent = key;
  };
  subscribe("pane", hint);
  const edit = () => openPalette(() => dispatch("palette"));
  const fill = () => {
    const inChips = chips.contains(root().activeElement);
    fillConcepts(concept);
    const values = palette.values();
    const counts = new Map(palette.counts().map(({ value, count }) => [value, count]));
    chips.replaceChildren(
      ...values.slice(0, SHOWN).map((value, index) => chip(value, index, counts.get(value))),
      values.length > SHOWN ? el("span", { class: "quiet" }, `${values.length - SHOWN} more`) : "",
      action("+", "New", "A new value for the selection", () => void newValue()),
      el("button", { type: "button", class: "link", onclick: edit }, "edit"),
    );
    if (inChips) /** @type {HTMLElement} */ (chips.lastElementChild).focus();
  };
  const tell = () => {
    aim.textContent = aimText();
    for (const button of judged.children) button.toggleAttribute("disabled", !state.result?.total);
  };
  for (const event of ["collection", "concept", "palette"]) subscribe(event, fill);
  for (const event of ["result", "focus", "selection"]) subscribe(event, tell);
  bindKeys();
}

function aimText() {
  const total = state.result?.total ?? 0;
  const selected = choice.selectedCount(state.selection, total);
  return selected ? `→ ${selected === total ? "all " : ""}${counted(selected, "item")}` : "";
}

function bindKeys() {
  const group = "Label and judge";
  const digits = Array.from({ length: 9 }, (_, index) => String(index + 1));
  bind({
    group,
    keys: digits,
    shown: "1 – 9",
    text: "give the label under this key",
    run: (event) => labelAt(Number(event.key) - 1),
  });
  bind({
    group,
    scope: "grid",
    keys: ["Delete", "Backspace"],
    text: "take the label off again, for the selection or the item",
    run: () => act("/api/unlabel"),
  });
  bind({ group, keys: ["0"], text: `label “${palette.NONE_TEXT}”`, run: () => label(null) });
  bind({ group, keys: ["+"], text: "new value, given at once", run: () => void newValue() });
  for (const { title, path, keys, scoped } of ACTIONS) {
    const text = `${title.toLowerCase()}; on to the next`;
    const run = () => judge(path);
    if (scoped) bind({ group, keys: [scoped], scope: "grid", text: `${text} (in the results)`, run });
    bind({ group, keys, shown: scoped ? undefined : keys[0].toUpperCase(), text, run });
  }
  bind({
    group,
    keys: ["Shift+a"],
    text: "accept what is proposed of all in view; on to the next screen",
    run: (event) => event.repeat || acceptInView(), // a key held down accepts what nobody has seen
  });
  bind({ group, keys: ["z", "Ctrl+z"], text: "undo your last action", run: undo });
  bind({ group, keys: ["Shift+z", "Ctrl+Shift+z"], text: "redo it", run: redo });
}
