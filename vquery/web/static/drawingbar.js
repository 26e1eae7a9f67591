/** The bar of drawing: how a box is drawn, its class, its label, whether it continues the last one. */

import { get } from "./api.js";
import { askText, el } from "./dialogs.js";
import { sentence } from "./fields.js";
import * as palette from "./palette.js";
import { dispatch, note, remember, remembered, state, subscribe } from "./store.js";

/** @typedef {"drag"|"extreme"} Way */

const CLASS = "object";
const classKey = () => `drawing-class:${state.collection?.path ?? ""}`;

export class DrawingBar {
  /** @param {{changed: () => void, back: () => void, leave: () => void, erase: () => void}} told */
  constructor(told) {
    this.told = told;
    /** @type {Way} */
    this.way = remembered("drawing-way", "drag") === "extreme" ? "extreme" : "drag";
    /** The value that boxes get, null for none. @type {string|null} */
    this.label = null;
    this.continuing = false;
    this.asked = "";
    this.build();
    subscribe("collection", () => this.offer());
    subscribe("palette", () => this.offer());
    subscribe("concept", () => this.give(null));
    this.offer();
  }

  build() {
    this.hint = el("output", { class: "drawing-hint", id: "drawing-hint", "aria-live": "polite" });
    this.place = el("output", { class: "drawing-place quiet", "aria-live": "off" });
    this.ways = /** @type {HTMLSelectElement} */ (el(
      "select", { "aria-label": "How to draw", title: "How to draw (d)" },
      el("option", { value: "drag" }, "drag a box"),
      el("option", { value: "extreme" }, "4 extreme points"),
    ));
    this.ways.addEventListener("change", () => {
      this.turn(/** @type {Way} */ (this.ways?.value));
      this.told.back();
    });
    this.kind = /** @type {HTMLInputElement} */ (el("input", {
      type: "text", list: "drawing-classes", maxlength: 200, autocomplete: "off", "aria-label": "Class of the box",
    }));
    this.kinds = el("datalist", { id: "drawing-classes" });
    this.kind.addEventListener("change", () => remember(classKey(), this.kind?.value.trim() || CLASS));
    this.kind.addEventListener("keydown", (event) => this.typed(event));
    this.values = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": "Label of the box" }));
    this.values.addEventListener("change", () => {
      this.give(this.values?.value || null);
      this.told.back();
    });
    this.onward = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox" }));
    this.onward.addEventListener("change", () => this.goOn(Boolean(this.onward?.checked)));
    this.named = el("span", {}, "label");
    this.element = el(
      "div", { class: "drawing-bar", role: "group", "aria-label": "Drawing boxes", hidden: true },
      el("div", { class: "drawing-said" }, this.hint, this.place), this.ways, el("label", {}, "class", this.kind), this.kinds, el("label", {}, this.named, this.values),
      el("label", { title: "A track, with the boxes of the frames between (Shift B)" },
        this.onward, "continue the last box ", el("kbd", {}, "⇧ B")),
      this.button("Delete", "Del", "Delete the chosen box", this.told.erase),
      this.button("Done", "Esc", "Stop drawing", this.told.leave),
    );
  }

  /** @param {string} text @param {string} key @param {string} title @param {() => void} run */
  button(text, key, title, run) {
    return el("button", { type: "button", title, onclick: run }, text, " ", el("kbd", {}, key));
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    this.told.back(); // which ends the change of the field
  }

  /** @param {boolean} shown */
  show(shown) {
    if (!this.element || this.element.hidden === !shown) return;
    this.element.hidden = !shown;
    if (shown) void this.readClasses();
  }

  /** @param {Way} way */
  turn(way) {
    this.way = way;
    if (this.ways) this.ways.value = way;
    remember("drawing-way", way);
    this.told.changed();
  }

  /** @param {string|null} label */
  give(label) {
    this.label = label;
    this.offer();
    this.told.changed();
  }

  /** The value under a key, for the boxes to come. @param {number} index */
  giveAt(index) {
    const value = palette.values()[index];
    if (value === undefined) return note(`No value is under ${index + 1} yet: + adds one.`);
    this.give(value);
  }

  /** Ask for a value that boxes get from now on. */
  async newValue() {
    const value = await askText({
      title: `A new value of ${state.concept}`, label: "Value", done: "Use",
      hint: "Given to the boxes that you draw next, and kept under the next free key.",
    });
    if (value === null) return;
    if (!palette.values().includes(value)) palette.keep([...palette.values(), value]);
    dispatch("palette");
    this.give(value);
  }

  /** @param {boolean} continuing */
  goOn(continuing) {
    this.continuing = continuing;
    if (this.onward) this.onward.checked = continuing;
    this.told.changed();
  }

  get class() {
    return this.kind?.value.trim() || CLASS;
  }

  /** Offer what there is now: values under their keys, the class of the last time. */
  offer() {
    if (!this.values || !this.kind || !this.named) return;
    this.named.textContent = state.concept;
    const known = state.collection ? palette.values() : [];
    const values = this.label === null || known.includes(this.label) ? known : [...known, this.label];
    this.values.replaceChildren(
      el("option", { value: "" }, "0 no label"),
      ...values.map((value, index) => el("option", { value }, index < 9 ? `${index + 1} ${value}` : value)),
    );
    this.values.value = this.label ?? "";
    if (this.ways) this.ways.value = this.way;
    if (!this.kind.value && state.collection) this.kind.value = remembered(classKey(), CLASS);
  }

  /** Read the classes of the collection, again where the data are others. */
  async readClasses() {
    const now = `${state.collection?.path} ${state.collection?.generation}`;
    if (!state.collection || now === this.asked) return;
    this.asked = now;
    try {
      const { classes } = await get("/api/classes");
      const names = [...new Set([...classes.map((/** @type {{class: string}} */ one) => one.class), CLASS])];
      this.kinds?.replaceChildren(...names.map((value) => el("option", { value })));
    } catch (error) {
      this.asked = "";
      note(`The classes of boxes cannot be read: ${sentence(error)}`, "error");
    }
  }

  /** @param {string} hint @param {string} place */
  say(hint, place) {
    if (this.hint && this.hint.textContent !== hint) this.hint.textContent = hint;
    if (this.place) this.place.textContent = place;
  }
}
