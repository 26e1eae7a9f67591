/** Suggestions: what to label next, put into the grid. */

import { post, runJob } from "./api.js";
import { el, openDialog } from "./dialogs.js";
import { conceptField, field, input, select, showResult, Working } from "./fields.js";
import { changeConcept } from "./labelling.js";
import { note, remember, remembered, state } from "./store.js";

/** @type {Array<[string, string]>} */
const STRATEGIES = [
  ["mixed", "mixed: what is unsure and stands for many"],
  ["coverage", "coverage: regions without a label"],
  ["density", "density: what most items look like"],
  ["margin", "margin: between two labels"],
  ["disagreement", "disagreement: votes against neighbours"],
  ["fewshot", "few-shot: least sure, and most like, by one to five examples"],
];

export function openSuggest() {
  const concept = conceptField();
  const many = input({ type: "number", min: 1, max: 500, value: remembered("suggest:n", 20) });
  const strategy = select(STRATEGIES, remembered("suggest:strategy", STRATEGIES[0][0]));
  const working = new Working();
  const run = async () => {
    const n = Math.min(Math.max(Math.round(Number(many.value)) || 20, 1), 500);
    remember("suggest:n", n);
    remember("suggest:strategy", strategy.value);
    const found = await working.run((options) =>
      runJob("Choosing what to label", post("/api/suggestions",
        { concept: concept.value, n, strategy: strategy.value }), options));
    if (!found) return false;
    dialog.close();
    if (concept.value !== state.concept) changeConcept(concept.value); // that is what keys label then
    showResult(found.result, `suggestions for ${concept.value} by ${strategy.value}`);
    note("Suggestions: 1–9 label, Y accepts, N rejects, U leaves the item as unsure.");
    return true;
  };
  const dialog = openDialog({
    title: "What to label next",
    body: el(
      "div", {},
      el("p", {}, "Each suggestion stands for a whole track, and for what looks like it."),
      el("div", { class: "fields" },
        field("Concept", concept), field("How many", many), field("Chosen by", strategy)),
      working.element,
    ),
    actions: [{ label: "Suggest", kind: "main", run }, { label: "Cancel" }],
  });
  void dialog.closed.then(() => working.cancel());
}
