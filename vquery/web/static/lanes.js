/**
 * Timeline lanes: arithmetic of the visible stretch of time, and drawing bars as SVG.
 * Knows nothing of the page around it. Times are whole microseconds.
 *
 * @typedef {{start_us: number, end_us: number}} Span
 * @typedef {Span & {count: number, value?: string|null, row?: number|null, text?: string|null,
 *   state?: "proposed"|"confirmed"|"conflict"|null}} Bar
 * @typedef {{name: string, kind: string, total: number, bars: Bar[]}} Lane
 */

export const LANE_PX = 24;
export const AXIS_PX = 20;
export const SHORTEST_US = 50_000;
const [LARGE_PX, SMALL_PX] = [7.6, 6.4];
/** Bars beside each other in the height of a lane, where several labels hold at a time. */
const PARTS = 3;

const SVG = "http://www.w3.org/2000/svg";
const SECOND = 1_000_000;
const STEPS_S = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
];

/** @param {Span} view @param {number} width @param {number} us */
export const toX = (view, width, us) =>
  ((us - view.start_us) / (view.end_us - view.start_us)) * width;

/** @param {Span} view @param {number} width @param {number} x */
export const toUs = (view, width, x) =>
  Math.round(view.start_us + (x / width) * (view.end_us - view.start_us));

/**
 * Move a stretch inside the video; one longer than the video becomes the whole video.
 * @param {Span} view @param {number} duration_us @returns {Span}
 */
export function inside(view, duration_us) {
  const whole = Math.max(duration_us, SHORTEST_US);
  const length = Math.min(Math.max(view.end_us - view.start_us, SHORTEST_US), whole);
  const start = Math.min(Math.max(view.start_us, 0), whole - length);
  return { start_us: Math.round(start), end_us: Math.round(start + length) };
}

/**
 * Zoom about a time that stays where it is; a factor below 1 shows less.
 * @param {Span} view @param {number} factor @param {number} at_us @param {number} duration_us
 */
export function zoomed(view, factor, at_us, duration_us) {
  const length = view.end_us - view.start_us;
  const wanted = Math.min(Math.max(length * factor, SHORTEST_US), duration_us);
  const start = at_us - ((at_us - view.start_us) / length) * wanted;
  return inside({ start_us: start, end_us: start + wanted }, duration_us);
}

/** Move by a share of what is visible. @param {Span} view @param {number} share @param {number} duration_us */
export function panned(view, share, duration_us) {
  const by = (view.end_us - view.start_us) * share;
  return inside({ start_us: view.start_us + by, end_us: view.end_us + by }, duration_us);
}

/**
 * Move the least so that a time is visible, with a margin ahead of it.
 * @param {Span} view @param {number} us @param {number} duration_us
 */
export function showing(view, us, duration_us) {
  if (us >= view.start_us && us < view.end_us) return view;
  const length = view.end_us - view.start_us;
  const start = us - length * 0.1;
  return inside({ start_us: start, end_us: start + length }, duration_us);
}

/**
 * The stretch around a span: four times as long, and at least ten seconds.
 * @param {Span} span @param {number} duration_us
 */
export function around(span, duration_us) {
  const length = Math.max((span.end_us - span.start_us) * 4, 10 * SECOND);
  const middle = (span.start_us + span.end_us) / 2;
  return inside({ start_us: middle - length / 2, end_us: middle + length / 2 }, duration_us);
}

/**
 * Write a time as h:mm:ss with as many decimals as a step needs.
 * @param {number} us @param {number} [decimals]
 */
export function clock(us, decimals = 0) {
  const unit = SECOND / 10 ** decimals;
  const units = Math.max(0, decimals ? Math.floor(us / unit + 1e-6) : Math.floor(us / SECOND));
  const whole = Math.floor(units / 10 ** decimals);
  const rest = decimals ? "." + String(units % 10 ** decimals).padStart(decimals, "0") : "";
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (h ? `${h}:${two(m)}` : `${m}`) + `:${two(s)}${rest}`;
}

/**
 * Round times for the axis, at least `apart` pixels from each other.
 * @param {Span} view @param {number} width @param {number} [apart]
 */
export function ticks(view, width, apart = 90) {
  const seconds = (view.end_us - view.start_us) / SECOND;
  const least = (seconds * apart) / Math.max(width, 1);
  const step = STEPS_S.find((one) => one >= least) ?? Math.ceil(least / 3600) * 3600;
  const decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  const found = [];
  const first = Math.ceil(view.start_us / SECOND / step - 1e-9);
  for (let at = first; at * step * SECOND <= view.end_us; at++) {
    const us = Math.round(at * step * SECOND);
    found.push({ us, text: clock(us, decimals) });
  }
  return found;
}

/**
 * The edge of a single span within reach of a place, the nearest one; null if there is none.
 * @param {Bar[]} bars @param {Span} view @param {number} width @param {number} x @param {number} [reach]
 * @returns {{bar: Bar, edge: "start_us"|"end_us"}|null}
 */
export function edgeNear(bars, view, width, x, reach = 6) {
  let best = null;
  let least = reach;
  for (const bar of bars) {
    if (bar.count > 1) continue;
    for (const edge of /** @type {const} */ (["start_us", "end_us"])) {
      const away = Math.abs(toX(view, width, bar[edge]) - x);
      if (away <= least) [best, least] = [{ bar, edge }, away];
    }
  }
  return best;
}

/**
 * The bar at a time, else the nearest one within a tolerance; null if there is none.
 * @param {Bar[]} bars @param {number} us @param {number} tolerance_us
 */
export function barAt(bars, us, tolerance_us) {
  let best = null;
  let least = tolerance_us;
  for (const bar of bars) {
    const away = us < bar.start_us ? bar.start_us - us : us > bar.end_us ? us - bar.end_us : 0;
    if (away <= least) {
      if (away === 0 && best && least === 0 && bar.start_us < best.start_us) continue;
      [best, least] = [bar, away];
    }
  }
  return best;
}

/** Say in words what a bar is. @param {Lane} lane @param {Bar} bar */
export function describe(lane, bar) {
  const long = bar.end_us - bar.start_us < 10 * SECOND ? 2 : 0;
  const when = `${clock(bar.start_us, long)} to ${clock(bar.end_us, long)}`;
  const what = bar.text || bar.value || "";
  const many = bar.count > 1 ? `${bar.count.toLocaleString("en")} items in one bar` : "";
  return [lane.name, what, bar.state ?? "", many, when].filter(Boolean).join(", ");
}

/** @param {string} name @param {Record<string, string|number>} [facts] */
export function svg(name, facts = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(facts)) made.setAttribute(key, String(value));
  return made;
}

/**
 * Draw axis and lanes into an SVG element, replacing what it held.
 * @param {SVGElement} into @param {Lane[]} lanes @param {Span} view @param {number} width
 * @param {(value: string|null) => number} hue the number of a value's colour, 0 for none
 */
export function drawLanes(into, lanes, view, width, hue) {
  const height = AXIS_PX + lanes.length * LANE_PX;
  into.setAttribute("width", String(width));
  into.setAttribute("height", String(height));
  into.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const parts = [hatching(), axis(view, width, height)];
  lanes.forEach((lane, at) => parts.push(oneLane(lane, at, view, width, hue)));
  into.replaceChildren(...parts);
}

function hatching() {
  const defs = svg("defs");
  const pattern = svg("pattern", {
    id: "lane-hatch", width: 6, height: 6,
    patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  });
  pattern.append(
    svg("rect", { width: 6, height: 6, class: "hatch-ground" }),
    svg("rect", { width: 2.5, height: 6, class: "hatch-line" }),
  );
  defs.append(pattern);
  return defs;
}

/** @param {Span} view @param {number} width @param {number} height */
function axis(view, width, height) {
  const group = svg("g", { class: "axis" });
  for (const { us, text } of ticks(view, width)) {
    const x = Math.round(toX(view, width, us)) + 0.5;
    const label = svg("text", { x: x + 3, y: AXIS_PX - 6 });
    label.textContent = text;
    group.append(svg("line", { x1: x, x2: x, y1: 4, y2: height }), label);
  }
  return group;
}

/**
 * @param {Lane} lane @param {number} at @param {Span} view @param {number} width
 * @param {(value: string|null) => number} hue
 */
function oneLane(lane, at, view, width, hue) {
  const top = AXIS_PX + at * LANE_PX;
  const group = svg("g", { class: `lane lane-${lane.kind}`, "data-lane": at });
  group.append(svg("line", {
    class: "lane-line", x1: 0, x2: width, y1: top + LANE_PX - 0.5, y2: top + LANE_PX - 0.5,
  }));
  const places = stacked(lane.bars);
  group.append(...lane.bars.map((bar, index) => {
    const high = (LANE_PX - 8) / places[index].most;
    const at = top + 4 + places[index].part * high;
    return oneBar(bar, at, high, view, width, hue(bar.value ?? null));
  }));
  let written = -1; // up to where words stand, so that none are written over others
  for (const [index, bar] of lane.bars.entries()) {
    const { part, most } = places[index];
    if (part || toX(view, width, bar.start_us) < written) continue;
    const label = words(most > 1 ? together(bar, lane.bars) : bar, top, view, width);
    if (!label) continue;
    group.append(label);
    written = Number(label.getAttribute("x")) + (label.textContent ?? "").length * LARGE_PX;
  }
  return group;
}

/**
 * Which part of the lane's height each bar takes, so that no label hides another at the same time;
 * a bar that is alone takes the whole height. Bars are in the order of their starts.
 * @param {Bar[]} bars @returns {Array<{part: number, most: number}>}
 */
export function stacked(bars) {
  let group = { ends: /** @type {number[]} */ ([]) };
  const places = bars.map((bar) => {
    if (!bar.value) return { part: 0, group: { ends: [0] } };
    if (group.ends.every((end) => end <= bar.start_us)) group = { ends: [] };
    const { ends } = group;
    const free = ends.findIndex((end) => end <= bar.start_us);
    const part = free < 0 ? Math.min(ends.length, PARTS - 1) : free;
    ends[part] = Math.max(ends[part] ?? 0, bar.end_us);
    return { part, group };
  });
  return places.map((place) => ({ part: place.part, most: place.group.ends.length }));
}

/** A bar that says all values at its time. @param {Bar} bar @param {Bar[]} bars */
function together(bar, bars) {
  const values = bars.filter((one) => one.start_us < bar.end_us && one.end_us > bar.start_us)
    .map((one) => one.value);
  return { ...bar, text: [...new Set([bar.value, ...values])].filter(Boolean).join(", ") };
}

/** The pixels that a bar covers of what is visible. @param {Bar} bar @param {Span} view @param {number} width */
function covered(bar, view, width) {
  const left = Math.max(toX(view, width, bar.start_us), -4);
  const right = Math.min(toX(view, width, bar.end_us), width + 4);
  return { left, wide: Math.max(right - left, 2) };
}

/**
 * @param {Bar} bar @param {number} top @param {number} high @param {Span} view
 * @param {number} width @param {number} hue
 */
function oneBar(bar, top, high, view, width, hue) {
  const { left, wide } = covered(bar, view, width);
  return svg("rect", {
    class: `lane-bar ${bar.state ?? "plain"} hue-${hue}`,
    x: left.toFixed(2), y: top, width: wide.toFixed(2), height: high, rx: 2,
  });
}

/** What stands in a bar, null where it has no room. @param {Bar} bar @param {number} top @param {Span} view @param {number} width */
function words(bar, top, view, width) {
  const { left, wide } = covered(bar, view, width);
  const text = bar.text || bar.value || (bar.count > 1 ? bar.count.toLocaleString("en") : "");
  const letters = Math.floor((wide - 8) / (text === text.toUpperCase() ? LARGE_PX : SMALL_PX));
  if (!text || letters < Math.min(text.length, 3)) return null;
  const label = svg("text", {
    class: "lane-bar-text", x: (Math.max(left, 0) + 4).toFixed(2), y: top + LANE_PX - 8,
  });
  label.textContent = text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
  return label;
}
