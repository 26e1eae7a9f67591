/** Propagation: what would change is shown first, then kept or left. */

import { post, runJob } from "./api.js";
import { el, openDialog } from "./dialogs.js";
import { conceptField, field, input, percent, sentence, showResult, table, Working } from "./fields.js";
import { count, counted } from "./formats.js";
import { changeConcept } from "./labelling.js";
import { dispatch, note, state } from "./store.js";

const LABELS_SHOWN = 12;

/** The last preview and what it was made of, so that looking at its rows does not lose it. */
let last = /** @type {{preview: *, concept: string, threshold: string, event: number}|null} */ (null);

export function openPropagate() {
  const panel = new Preview();
  const dialog = openDialog({
    title: "Propagate labels",
    wide: true,
    body: panel.element,
    actions: [
      { label: "Keep", kind: "main", run: () => panel.keep() },
      { label: "Take back the last one", run: () => panel.takeBack() },
      { label: "Close" },
    ],
  });
  panel.begin(dialog);
  void dialog.closed.then(() => panel.working.cancel());
}

class Preview {
  constructor() {
    this.concept = conceptField();
    this.threshold = input({ type: "number", min: 0, max: 1, step: 0.01, placeholder: "automatic" });
    this.working = new Working();
    this.found = el("div", { class: "preview", "aria-live": "polite" });
    /** @type {*} */
    this.preview = null;
    const again = el("button", { type: "button", onclick: () => void this.ask() }, "Preview");
    this.concept.addEventListener("change", () => void this.ask());
    this.threshold.addEventListener("change", () => void this.ask());
    this.element = el(
      "div", {},
      el("p", {}, "Labels spread to items that look alike. Nothing is kept until you say so."),
      el("div", { class: "fields" },
        field("Concept", this.concept),
        field("Least probability", this.threshold, "empty: chosen by the propagation"), again),
      this.working.element, this.found,
    );
  }

  /** @param {ReturnType<typeof openDialog>} dialog */
  begin(dialog) {
    this.dialog = dialog;
    const fresh = last && last.concept === state.concept && last.event === state.collection?.last_event;
    if (!last || !fresh) return void this.ask();
    this.threshold.value = last.threshold;
    this.show(last.preview);
  }

  get keepButton() {
    return /** @type {HTMLButtonElement} */ (this.dialog?.buttons[0]);
  }

  async ask() {
    const [concept, threshold] = [this.concept.value, this.threshold.value];
    this.preview = null;
    this.keepButton.disabled = true;
    this.dialog?.fail("");
    this.found.replaceChildren();
    const body = threshold === "" ? { concept } : { concept, threshold: Number(threshold) };
    try {
      const preview = await this.working.run((options) =>
        runJob("Previewing a propagation", post("/api/propagations", body), options));
      if (!preview) return;
      last = { preview, concept, threshold, event: state.collection?.last_event };
      this.show(preview);
    } catch (error) {
      this.dialog?.fail(sentence(error));
    }
  }

  /** @param {*} preview */
  show(preview) {
    this.preview = preview;
    const changes = preview.gained + preview.lost + preview.changed;
    this.keepButton.disabled = false;
    const parts = [
      el("p", { class: "gain" },
        number("+", preview.gained, "gain a label"), number("−", preview.lost, "lose theirs"),
        number("≠", preview.changed, "get another")),
      el("p", {}, trust(preview)),
    ];
    if (changes && preview.result) {
      const look = () => this.look(preview);
      parts.push(el("p", {}, el("button", { type: "button", onclick: look },
        `Look at the ${counted(changes, "item")} in the grid`)));
    }
    const notes = (preview.notes ?? []).map((/** @type {string} */ text) => el("li", {}, text));
    this.found.replaceChildren(
      ...parts, el("div", { class: "columns" }, byLabel(preview), expected(preview)),
      notes.length ? el("ul", { class: "notes" }, ...notes) : "",
    );
  }

  /** @param {*} preview */
  look(preview) {
    this.dialog?.close();
    if (this.concept.value !== state.concept) changeConcept(this.concept.value);
    showResult(preview.result, `preview: what propagating ${this.concept.value} would change`);
    note("These would change. Press g again to keep the propagation or to leave it.");
  }

  async keep() {
    if (!this.preview) throw new Error("There is no preview yet: wait for it, or press Preview.");
    const { run_id } = await post(`/api/propagations/${encodeURIComponent(this.preview.preview)}/keep`);
    const { gained, lost, changed } = this.preview;
    last = null;
    note(`Propagated (run ${run_id}): +${count(gained)} / −${count(lost)}, ${count(changed)} changed.`, "done");
    dispatch("labels", {});
  }

  async takeBack() {
    const answer = await post("/api/propagations/undo");
    last = null;
    note(answer.sentence ?? "The last propagation was taken back.", "done");
    dispatch("labels", {});
    return true;
  }
}

/** @param {string} sign @param {number} many @param {string} what */
const number = (sign, many, what) =>
  el("span", { class: "gain-one" }, el("b", {}, `${sign}${count(many ?? 0)}`), ` ${what}`);

/** @param {*} preview */
function trust({ labelled, calibrated }) {
  const from = labelled === undefined ? "" : `${counted(labelled, "item")} would have a label then. `;
  return from + (calibrated
    ? "Probabilities are calibrated on labels that were left out."
    : "Too few labels to calibrate: probabilities are a stated prior, so judge a sample before you trust them.");
}

/** @param {*} preview */
function byLabel({ by_label }) {
  const rows = (by_label ?? []).slice(0, LABELS_SHOWN).map((/** @type {*} */ one) =>
    [one.label ?? "none", one.gained ? `+${count(one.gained)}` : "", one.lost ? `−${count(one.lost)}` : ""]);
  if (!rows.length) return el("p", { class: "quiet" }, "No label would change.");
  const more = by_label.length - rows.length;
  return table(["Label", "Gained", "Lost"], rows, more > 0 ? `By label (${more} more not shown)` : "By label");
}

/** @param {*} preview */
function expected({ expected_precision }) {
  const rows = (expected_precision ?? []).map((/** @type {*} */ one) =>
    [one.threshold.toFixed(2), count(one.items), one.precision === null ? "–" : percent(one.precision)]);
  return rows.length ? table(["Probability from", "Items", "Right"], rows, "Expected precision") : null;
}
