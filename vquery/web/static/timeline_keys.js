/** Everything the mouse does on the timeline, by keys, while the timeline has the focus. */

import { bind } from "./keys.js";
import { describe } from "./lanes.js";
import { note } from "./store.js";

const GROUP = "Timeline";

/** Edges move one after the other, each from where the last one left it. */
let moves = Promise.resolve();

/** @param {import("./timeline.js").Timeline} timeline */
export function timelineKeys(timeline) {
  const nudge = (/** @type {"start_us"|"end_us"} */ edge, /** @type {number} */ direction) => {
    moves = moves.then(() => moveEdge(timeline, edge, direction)).catch((error) => note(error.message, "error"));
  };
  const key = (/** @type {string[]} */ keys, /** @type {string} */ text, /** @type {() => void} */ run) =>
    bind({ keys, text, group: GROUP, scope: "timeline", run });
  key(["ArrowLeft"], "previous bar of the lane", () => chooseNext(timeline, -1));
  key(["ArrowRight"], "next bar of the lane", () => chooseNext(timeline, 1));
  key(["ArrowUp"], "lane above", () => chooseLane(timeline, -1));
  key(["ArrowDown"], "lane below", () => chooseLane(timeline, 1));
  key(["Enter"], "go to the bar", () => go(timeline));
  key(["+", "="], "show less time", () => timeline.zoom(0.5));
  key(["-"], "show more time", () => timeline.zoom(2));
  key(["0"], "show the whole video", () => timeline.fit());
  key(["Shift+ArrowLeft"], "earlier", () => timeline.pan(-0.25));
  key(["Shift+ArrowRight"], "later", () => timeline.pan(0.25));
  key(["Alt+ArrowLeft"], "end of the labelled span one frame earlier", () => nudge("end_us", -1));
  key(["Alt+ArrowRight"], "end of the labelled span one frame later", () => nudge("end_us", 1));
  key(["Alt+Shift+ArrowLeft"], "start of the labelled span one frame earlier", () => nudge("start_us", -1));
  key(["Alt+Shift+ArrowRight"], "start of the labelled span one frame later", () => nudge("start_us", 1));
  for (const scope of /** @type {const} */ (["timeline", "inspector"])) {
    bind({ keys: ["n"], text: "next hit in this video", group: GROUP, scope, run: () => void timeline.hit(1) });
    bind({ keys: ["p"], text: "previous hit in this video", group: GROUP, scope, run: () => void timeline.hit(-1) });
  }
}

/** @param {import("./timeline.js").Timeline} timeline @param {number} direction */
function chooseLane(timeline, direction) {
  const count = timeline.lanes.length;
  if (!count) return;
  timeline.lane = Math.min(Math.max(timeline.lane + direction, 0), count - 1);
  const lane = timeline.lanes[timeline.lane];
  timeline.chosen = null;
  timeline.say(`${lane.name}: ${lane.total.toLocaleString()} in the stretch shown`);
  timeline.draw();
}

/** @param {import("./timeline.js").Timeline} timeline @param {number} direction */
function chooseNext(timeline, direction) {
  const lane = timeline.lanes[timeline.lane];
  if (!lane?.bars.length) return timeline.say("Nothing in this lane here.");
  const bars = [...lane.bars].sort((a, b) => a.start_us - b.start_us || a.end_us - b.end_us);
  const { chosen } = timeline;
  const at = chosen?.kind === lane.kind
    ? bars.findIndex((bar) => bar.start_us === chosen.bar.start_us && bar.end_us === chosen.bar.end_us)
    : -1;
  const first = direction > 0 ? 0 : bars.length - 1;
  const next = at < 0 ? first : at + direction;
  if (next < 0 || next >= bars.length) {
    timeline.pan(direction * 0.5);
    return timeline.say(describe(lane, bars[Math.max(at, 0)]));
  }
  timeline.choose(bars[next], lane.kind);
}

/** @param {import("./timeline.js").Timeline} timeline */
function go(timeline) {
  if (!timeline.chosen) return timeline.say("Choose a bar with the arrows first.");
  timeline.seek(timeline.chosen.bar.start_us);
}

/**
 * Move an edge of the chosen span by one frame.
 * @param {import("./timeline.js").Timeline} timeline
 * @param {"start_us"|"end_us"} edge @param {number} direction
 */
async function moveEdge(timeline, edge, direction) {
  const { chosen } = timeline;
  if (!timeline.frames || chosen?.kind !== "human" || chosen.bar.count > 1) {
    return note("Choose a labelled span in the lane of people first (arrows).");
  }
  const from = direction > 0 ? chosen.bar[edge] : chosen.bar[edge] - 1;
  const frame = await timeline.frames.at(Math.max(from, 0));
  const moved = direction > 0 ? frame.end_us : frame.start_us;
  const next = { start_us: chosen.bar.start_us, end_us: chosen.bar.end_us, [edge]: moved };
  if (next.end_us <= next.start_us) return note("A span has at least one frame.");
  await timeline.trim(chosen.bar, next);
}
