/** The dialog that puts values under keys. */

import { el, openDialog } from "./dialogs.js";
import * as palette from "./palette.js";
import { state } from "./store.js";

/** @param {function(): void} changed */
export function openPalette(changed) {
  let values = palette.values();
  const list = el("ol", { class: "palette" });
  const input = /** @type {HTMLInputElement} */ (
    el("input", { type: "text", maxlength: 200, placeholder: "new value", "aria-label": "New value" })
  );
  const move = (/** @type {number} */ from, /** @type {number} */ to) => {
    if (to < 0 || to >= values.length) return;
    const next = [...values];
    next.splice(to, 0, ...next.splice(from, 1));
    show(next, to);
  };
  const show = (/** @type {string[]} */ next, focus = -1) => {
    values = next;
    list.replaceChildren(...values.map((value, index) => entry(value, index, move, remove)));
    if (focus >= 0) /** @type {HTMLElement} */ (list.children[focus].querySelector("button")).focus();
  };
  const remove = (/** @type {number} */ at) => {
    show(values.filter((_, index) => index !== at));
    input.focus();
  };
  const add = () => {
    const value = input.value.trim();
    if (value && !values.includes(value)) show([...values, value]);
    input.value = "";
    input.focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || !input.value.trim()) return;
    event.preventDefault(); // adds; once there is nothing to add, Enter saves
    add();
  });
  show(values);
  openDialog({
    title: `Keys for ${state.concept}`,
    body: el(
      "div",
      {},
      el("p", { class: "quiet" }, "The first nine values are under the keys 1 to 9. Enter adds a value, and saves when there is none. Alt with ↑ or ↓ moves a value, too."),
      list,
      el("div", { class: "row" }, input, el("button", { type: "button", onclick: add }, "Add")),
    ),
    actions: [
      {
        label: "Save",
        kind: "main",
        run: () => {
          add();
          palette.keep(values);
          changed();
        },
      },
      { label: "Cancel" },
    ],
  });
}

/**
 * @param {string} value
 * @param {number} index
 * @param {function(number, number): void} move
 * @param {function(number): void} remove
 */
function entry(value, index, move, remove) {
  const used = palette.counts().some((one) => one.value === value);
  const arrow = (/** @type {string} */ text, /** @type {string} */ name, /** @type {number} */ to) => {
    const onclick = () => move(index, to);
    return el("button", { type: "button", class: "icon", "aria-label": `Move ${value} ${name}`, onclick }, text);
  };
  const item = el(
    "li",
    {},
    el("kbd", {}, index < 9 ? String(index + 1) : "–"),
    el("span", { class: `swatch hue-${palette.hue(value)}`, "aria-hidden": "true" }),
    el("span", { class: "palette-value" }, value),
    arrow("↑", "up", index - 1),
    arrow("↓", "down", index + 1),
    el(
      "button",
      {
        type: "button",
        class: "icon",
        disabled: used,
        title: used ? "labels of this value exist" : "take it off the list",
        "aria-label": `Take ${value} off the list`,
        onclick: () => remove(index),
      },
      "×",
    ),
  );
  item.addEventListener("keydown", (event) => {
    if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    move(index, index + (event.key === "ArrowUp" ? -1 : 1));
  });
  return item;
}
