/** More like these: the rest of the result in the order of how like a few examples it is. */

import { post } from "./api.js";
import { changeView, firmSelection } from "./grid.js";
import { bind } from "./keys.js";
import { action, inTurn } from "./labelling.js";
import { isAlike } from "./likeness.js";
import { byId } from "./root.js";
import * as choice from "./selection.js";
import { dispatch, note, state, subscribe } from "./store.js";

const ABOUT = "order the rest by likeness to the selection, or to the value given last";

/**
 * Learn from the selection, else from the labels of the value at hand, and order the result: after
 * the labels that are still on their way, since these are what it learns from.
 */
function moreLikeThese() {
  const { result, concept } = state;
  if (!result?.total) return note("There is nothing to order: run a query first.");
  if (!result.detections) return note("Only detections can be compared by looks: query faces or detections.");
  const chosen = choice.selectedCount(state.selection, result.total) > 0;
  const selection = chosen ? choice.asBody(firmSelection(), result.id) : null;
  const value = isAlike() && state.alike?.sort === state.view.sort ? state.alike.value : null;
  inTurn(async () => {
    const path = `/api/results/${encodeURIComponent(result.id)}/alike`;
    const said = await post(path, { concept, selection, value });
    if (state.result !== result || state.concept !== concept) return;
    const labelled = said.value !== null;
    if (labelled) dispatch("selection", { selection: choice.NONE });
    dispatch("alike", { alike: { sort: said.sort, result: result.id, value: said.value } });
    changeView({ sort: said.sort, descending: true, group: "" });
    note(`${said.sentence} ${labelled ? "Shift A accepts all in view." : "V adds all in view, 1–9 or + label."}`, "done");
  }, result.id);
}

export function mountAlike() {
  const button = action("A", "More like these", ABOUT[0].toUpperCase() + ABOUT.slice(1), moreLikeThese);
  byId("labels")?.querySelector(".judge")?.after(button);
  const tell = () => button.toggleAttribute("disabled", !state.result?.total || !state.result.detections);
  subscribe("result", tell);
  tell();
  bind({ group: "Label and judge", keys: ["a"], text: `more like these: ${ABOUT}`, run: moreLikeThese });
}
