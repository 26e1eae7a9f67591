/** Pieces that the dialogs share: fields, the progress of a job, numbers with their intervals. */

import { isAbort } from "./api.js";
import { el } from "./dialogs.js";
import { dispatch, state } from "./store.js";

/** @param {unknown} error */
export const sentence = (error) => (error instanceof Error ? error.message : String(error));

/** @param {number} share */
export const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** @param {string} label @param {HTMLElement} input @param {string} [hint] */
export function field(label, input, hint = "") {
  return el("label", { class: "field" }, el("span", {}, label), input,
    hint ? el("small", { class: "quiet" }, hint) : null);
}

/**
 * @param {Array<[string, string]>} options value and text
 * @param {string} chosen
 */
export function select(options, chosen) {
  const made = options.map(([value, text]) =>
    el("option", { value, selected: value === chosen }, text));
  return /** @type {HTMLSelectElement} */ (el("select", {}, ...made));
}

/** @param {Object<string, *>} facts */
export const input = (facts) => /** @type {HTMLInputElement} */ (el("input", facts));

/** A choice of the concepts that have labels, with the one at hand. */
export function conceptField() {
  const known = new Set([state.concept, ...(state.collection?.label_concepts ?? [])]);
  return select([...known].map((one) => [one, one]), state.concept);
}

/**
 * @param {string[]} heads
 * @param {Array<Array<Node|string|number|null>>} rows
 * @param {string} [caption]
 */
export function table(heads, rows, caption = "") {
  return el(
    "table", { class: "facts-table" },
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))))),
  );
}

/** Shows how far a job is, and cancels it when it is taken away. */
export class Working {
  constructor() {
    this.bar = /** @type {HTMLProgressElement} */ (el("progress", { "aria-label": "Progress" }));
    this.words = el("span", { role: "status" });
    this.element = el("div", { class: "working", hidden: true }, this.bar, this.words);
    /** @type {AbortController|null} */
    this.running = null;
  }

  /**
   * Run a job and show how far it is; null if it was cancelled here.
   * @param {(options: {signal: AbortSignal, onState: (data: *) => void}) => Promise<*>} run
   */
  async run(run) {
    this.cancel();
    const running = (this.running = new AbortController());
    this.show({ share: null, progress: "Starting", seconds: 0 });
    try {
      return await run({ signal: running.signal, onState: (data) => this.show(data) });
    } catch (error) {
      if (isAbort(error) || running.signal.aborted) return null;
      throw error;
    } finally {
      if (this.running === running) {
        this.running = null;
        this.element.hidden = true;
      }
    }
  }

  cancel() {
    this.running?.abort();
    this.running = null;
    this.element.hidden = true;
  }

  /** @param {{share: number|null, progress: string|null, seconds?: number}} data */
  show({ share, progress, seconds }) {
    this.element.hidden = false;
    if (share === null || share === undefined) this.bar.removeAttribute("value");
    else this.bar.value = share;
    const time = seconds && seconds > 1 ? `, ${Math.round(seconds)} s` : "";
    this.words.textContent = `${progress || "Working"}${time}`;
  }
}

/**
 * Show a result that was not asked for by a query in the grid.
 * @param {*} result its facts, or its id alone
 * @param {string} text what it is
 */
export function showResult(result, text) {
  const facts = typeof result === "object" ? result : { id: result, total: 0, videos: 0, columns: [] };
  dispatch("result", { result: { detections: true, ...facts, text: facts.text || text } });
  document.getElementById("cells")?.focus();
}
