/** The list under the query: what may come next, chosen with arrows, Tab or the mouse. */

import { get, isAbort } from "./api.js";
import { el } from "./dialogs.js";
import { note } from "./store.js";

const PAUSE_MS = 70;

export class Completion {
  /**
   * @param {HTMLTextAreaElement} input
   * @param {function(): void} changed the text was completed
   */
  constructor(input, changed) {
    this.input = input;
    this.changed = changed;
    const list = { id: "completion", class: "completion", role: "listbox" };
    this.list = el("ul", { ...list, "aria-label": "Completions", hidden: true });
    /** @type {Array<{text: string, kind: string, detail: string}>} */
    this.options = [];
    this.span = [0, 0];
    /** option that is marked, -1: none, so that Enter runs the query */
    this.at = -1;
    this.timer = 0;
    /** @type {?AbortController} */
    this.asking = null;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", "completion");
    input.addEventListener("input", () => this.later());
    input.addEventListener("blur", () => setTimeout(() => this.close(), 120));
    input.addEventListener("click", () => this.close());
    this.close();
  }

  get open() {
    return !this.list.hidden;
  }

  close() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.list.hidden = true;
    this.at = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(false), PAUSE_MS);
  }

  /** @param {boolean} always also where nothing is typed yet */
  async ask(always) {
    const { value, selectionStart: at } = this.input;
    this.asking?.abort();
    if (!always && !/[\w.]$/.test(value.slice(0, at))) return this.close();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const found = await get("/api/complete", { text: value, at }, { signal: asking.signal });
      if (this.input.value !== value || document.activeElement !== this.input) return;
      const typed = value.slice(found.from, at);
      const done = found.options.length === 1 && found.options[0].text === typed;
      if (!found.options.length || done) return this.close();
      this.show(found);
    } catch (error) {
      if (isAbort(error)) return;
      this.close();
      note(/** @type {Error} */ (error).message, "error");
    }
  }

  /** @param {{from: number, to: number, options: Array<{text: string, kind: string, detail: string}>}} found */
  show({ from, to, options }) {
    this.options = options;
    this.span = [from, to];
    this.at = -1;
    this.list.replaceChildren(...options.map((option, index) => this.entry(option, index)));
    this.list.hidden = false;
    this.list.scrollTop = 0;
    this.input.setAttribute("aria-expanded", "true");
    this.input.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {{text: string, kind: string, detail: string}} option
   * @param {number} index
   */
  entry({ text, kind, detail }, index) {
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.take(index);
    };
    return el(
      "li",
      { id: `completion-${index}`, role: "option", "aria-selected": "false", onpointerdown: take },
      el("span", { class: "completion-text" }, text),
      el("span", { class: "completion-kind" }, kind),
      el("span", { class: "completion-detail" }, detail),
    );
  }

  /** @param {number} index */
  mark(index) {
    this.list.children[this.at]?.setAttribute("aria-selected", "false");
    this.at = (index + this.options.length) % this.options.length;
    const entry = this.list.children[this.at];
    entry.setAttribute("aria-selected", "true");
    entry.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", entry.id);
  }

  /** @param {number} index */
  take(index) {
    const { text } = this.options[index];
    this.input.setRangeText(text, this.span[0], this.span[1], "end");
    this.close();
    this.input.focus();
    this.changed();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was for the list
   */
  key(event) {
    if (event.key === " " && event.ctrlKey) {
      void this.ask(true);
      return true;
    }
    if (!this.open) return false;
    if (event.key === "ArrowDown") this.mark(this.at + 1);
    else if (event.key === "ArrowUp") this.mark(this.at < 0 ? -1 : this.at - 1);
    else if (event.key === "Tab" && !event.shiftKey) this.take(Math.max(0, this.at));
    else if (event.key === "Enter" && this.at >= 0 && !event.ctrlKey) this.take(this.at);
    else if (event.key === "Escape") this.close();
    else return false;
    return true;
  }
}
