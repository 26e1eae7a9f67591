/** Dialogs and small builders of elements. Text is always set as text, never as markup. */

import { body as page, byId, root } from "./root.js";

/**
 * An element: `el("button", {type: "button", class: "main", onclick: run}, "Run")`.
 * `on…` are listeners, `dataset` an object, true and false set or leave an attribute.
 * @param {string} tag
 * @param {Object<string, *>} [attributes]
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
  return element;
}

/**
 * @typedef {Object} Action
 * @property {string} label
 * @property {"main"|"plain"|"danger"} [kind]
 * @property {function(): (void|boolean|Promise<void|boolean>)} [run] false (or a failure, whose
 *   sentence is shown) keeps the dialog open; left out: only closes
 * @property {boolean} [disabled]
 */

/**
 * Open a modal dialog; Escape and the last button close it, focus returns to where it was.
 * @param {{title: string, body: Node, actions?: Action[], wide?: boolean}} parts
 * @returns {{element: HTMLDialogElement, close: function(): void, closed: Promise<void>,
 *   buttons: HTMLButtonElement[], fail: function(string): void}}
 */
export function openDialog({ title, body, actions = [{ label: "Close" }], wide = false }) {
  const before = root().activeElement;
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const fail = (/** @type {string} */ text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const buttons = actions.map((action) => button(action, () => dialog.close(), fail));
  const heading = el("h2", { id: "dialog-title" }, title);
  const dialog = /** @type {HTMLDialogElement} */ (
    el(
      "dialog",
      { class: wide ? "dialog wide" : "dialog", "aria-labelledby": "dialog-title" },
      heading,
      el("div", { class: "dialog-body" }, body),
      problem,
      el("div", { class: "dialog-actions" }, ...buttons),
    )
  );
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      else byId("cells")?.focus();
      resolve(undefined);
    });
  });
  page().append(dialog);
  dialog.showModal();
  const main = buttons[actions.findIndex((action) => action.kind === "main")];
  dialog.addEventListener("keydown", (event) => onEnter(event, main));
  const first = dialog.querySelector(".dialog-body :is(input, textarea)");
  /** @type {?HTMLElement} */ (first ?? (main?.disabled ? null : main) ?? buttons[buttons.length - 1])?.focus();
  return { element: dialog, close: () => dialog.close(), closed, buttons, fail };
}

/**
 * Enter in a field, and Ctrl-Enter anywhere, do what the main button does.
 * @param {KeyboardEvent} event
 * @param {HTMLButtonElement|undefined} main
 */
function onEnter(event, main) {
  if (event.key !== "Enter" || event.defaultPrevented || event.isComposing || !main) return;
  const field = event.target instanceof HTMLInputElement && event.target.type !== "checkbox" ? event.target : null;
  if (!field && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  field?.blur(); // what was typed counts first: it may disable the button, as a preview is made anew
  field?.focus();
  main.click();
}

/**
 * @param {Action} action
 * @param {function(): void} close
 * @param {function(string): void} fail
 */
function button(action, close, fail) {
  const element = /** @type {HTMLButtonElement} */ (
    el("button", { type: "button", class: action.kind ?? "plain", disabled: action.disabled }, action.label)
  );
  element.addEventListener("click", async () => {
    element.disabled = true;
    fail("");
    try {
      if ((await action.run?.()) !== false) close();
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

/**
 * Ask for one line of text; null when the dialog was left.
 * @param {{title: string, label: string, value?: string, hint?: string, done?: string,
 *   check?: function(string): (string|void|Promise<string|void>)}} parts `check` gives a sentence
 *   to refuse, or throws
 * @returns {Promise<?string>}
 */
export async function askText({ title, label, value = "", hint = "", done = "Save", check }) {
  const input = /** @type {HTMLInputElement} */ (el("input", { type: "text", maxlength: 200, value }));
  const body = el("label", { class: "field" }, el("span", {}, label), input);
  if (hint) body.append(el("small", { class: "quiet" }, hint));
  /** @type {?string} */
  let given = null;
  const run = async () => {
    const text = input.value.trim();
    if (!text) throw new Error(`${label} is empty: type a word or two.`);
    const refused = await check?.(text);
    if (refused) throw new Error(refused);
    given = text;
  };
  const dialog = openDialog({
    title,
    body,
    actions: [{ label: done, kind: "main", run }, { label: "Cancel" }],
  });
  input.select();
  input.focus();
  await dialog.closed;
  return given;
}
