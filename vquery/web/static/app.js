/**
 * Puts the page together. Each part is a module with `mount(element)`; a dialog is a module with
 * one function without arguments (`TOOLS` names them). Parts talk through the store only.
 */

import { mountAlike } from "./alike.js";
import { get } from "./api.js";
import { sentence } from "./fields.js";
import { mount as mountGrid } from "./grid.js";
import { openHelp } from "./help.js";
import { bind, listen } from "./keys.js";
import { mountLabelling } from "./labelling.js";
import { mount as mountQuery } from "./query.js";
import { mountSplits } from "./splits.js";
import { mount as mountStatus } from "./status.js";
import { dispatch, note, remembered, state, subscribe } from "./store.js";

/** Parts of the page by id, and dialogs by the name of their button: module, function. */
const PARTS = { inspector: "./inspector.js", timeline: "./timeline.js" };
const TOOLS = {
  suggest: ["./suggest.js", "openSuggest"],
  propagate: ["./propagate.js", "openPropagate"],
  buckets: ["./buckets.js", "openBuckets"],
  export: ["./exporting.js", "openExport"],
  events: ["./events.js", "openEvents"],
};
const CHECK_MS = 5000;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} tool */
async function openTool(tool) {
  if (tool === "help") return openHelp();
  const [path, name] = TOOLS[tool];
  try {
    await (await import(path))[name]();
  } catch (error) {
    note(sentence(error), "error");
  }
}

function mountTools() {
  for (const button of document.querySelectorAll("#tools [data-tool]")) {
    button.addEventListener("click", () => openTool(button.getAttribute("data-tool") ?? ""));
  }
  const tool = (keys, name, text) =>
    bind({ keys, text, group: "Tools", run: () => void openTool(name) });
  tool(["s"], "suggest", "suggestions: what to label next");
  tool(["g"], "propagate", "propagate labels, with a preview");
  tool(["m"], "buckets", "precision by score bucket");
  tool(["e"], "export", "export");
  tool(["h"], "events", "history of all actions");
  tool(["?", "F1"], "help", "this list of keys");
}

/** Read the collection again: its tables, concepts and labels. */
export async function reloadCollection() {
  const collection = await get("/api/collection");
  const known = collection.label_concepts ?? [];
  const concept = remembered(`concept:${collection.path}`, null);
  const first = state.collection === null;
  dispatch("collection", { collection });
  if (first && concept && concept !== state.concept && known.includes(concept)) {
    dispatch("concept", { concept });
  }
}

function showCollection() {
  const { name, videos, who } = state.collection;
  document.title = `${name} · vquery`;
  byId("name").textContent = name;
  const count = videos.length === 1 ? "1 video" : `${videos.length.toLocaleString()} videos`;
  byId("about").textContent = `${count} · labelling as ${who}`;
}

/** Labels given in another tab or on the command line show up here as well. */
function watchOthers() {
  let busy = false;
  let reached = true;
  setInterval(async () => {
    if (document.hidden || busy || state.collection === null) return;
    busy = true;
    try {
      const { last_event } = await get("/api/events", { after: state.collection.last_event, limit: 1 });
      if (!reached || last_event !== state.collection.last_event) dispatch("labels", {});
      if (!reached) note("The server answers again.", "done");
      reached = true;
    } catch (error) {
      if (reached) note(sentence(error), "error");
      reached = false;
    } finally {
      busy = false;
    }
  }, CHECK_MS);
}

async function mountParts() {
  for (const [id, path] of Object.entries(PARTS)) {
    try {
      (await import(path)).mount(byId(id));
    } catch (error) {
      console.error(path, error);
      byId(id).textContent = `This part could not be loaded: ${sentence(error)}`;
    }
  }
}

async function start() {
  listen();
  mountStatus(byId("status"));
  mountGrid(byId("grid"));
  mountLabelling();
  mountAlike();
  mountTools();
  mountSplits();
  subscribe("collection", showCollection);
  let timer = 0;
  subscribe("labels", () => {
    clearTimeout(timer);
    timer = setTimeout(() => reloadCollection().catch((error) => note(sentence(error), "error")), 150);
  });
  mountQuery(byId("query"));
  await mountParts();
  try {
    await reloadCollection();
  } catch (error) {
    note(sentence(error), "error");
  }
  watchOthers();
}

await start();
