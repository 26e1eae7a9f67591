/**
 * Arithmetic of boxes that are drawn by hand; all in shares of the picture.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {[number, number, number, number]} Box x1, y1, x2, y2
 * @typedef {"nw"|"n"|"ne"|"e"|"se"|"s"|"sw"|"w"|"inside"} Handle
 * @typedef {"top"|"left"|"bottom"|"right"} Side
 */

/** The handles of a box, where they lie in it. @type {Array<[Handle, number, number]>} */
const HANDLES = [
  ["nw", 0, 0], ["ne", 1, 0], ["se", 1, 1], ["sw", 0, 1],
  ["n", 0.5, 0], ["e", 1, 0.5], ["s", 0.5, 1], ["w", 0, 0.5],
];
/** How much better than the next a guess must be to be told. */
const CLEAR = 0.2;
/** @type {Side[]} */
const SIDES = ["top", "left", "bottom", "right"];

/** @param {number} share */
export const inPicture = (share) => Math.min(Math.max(share, 0), 1);

/** The smallest box around points: two corners, or four extreme points. @param {Point[]} points @returns {Box} */
export const around = (points) => [
  Math.min(...points.map(({ x }) => x)), Math.min(...points.map(({ y }) => y)),
  Math.max(...points.map(({ x }) => x)), Math.max(...points.map(({ y }) => y)),
];

/** @param {Box} box @returns {Array<{handle: Handle, x: number, y: number}>} corners first */
export const handlesOf = ([x1, y1, x2, y2]) =>
  HANDLES.map(([handle, x, y]) => ({ handle, x: x1 + x * (x2 - x1), y: y1 + y * (y2 - y1) }));

/**
 * What of a box lies at a point; null if nothing does.
 * @param {Box} box @param {Point} point @param {Point} reach how far around a handle counts
 * @param {boolean} whole also its edges, and what is inside
 * @returns {Handle|null}
 */
export function handleAt(box, point, reach, whole) {
  const near = (/** @type {Point} */ at) =>
    Math.abs(point.x - at.x) <= reach.x && Math.abs(point.y - at.y) <= reach.y;
  const found = handlesOf(box).find(near);
  if (found || !whole) return found?.handle ?? null;
  const [x1, y1, x2, y2] = box;
  const within = near({ x: Math.min(Math.max(point.x, x1), x2), y: Math.min(Math.max(point.y, y1), y2) });
  if (!within) return null;
  if (Math.abs(point.y - y1) <= reach.y) return "n";
  if (Math.abs(point.y - y2) <= reach.y) return "s";
  if (Math.abs(point.x - x1) <= reach.x) return "w";
  return Math.abs(point.x - x2) <= reach.x ? "e" : "inside";
}

/**
 * A box whose handle was moved; it stays in the picture, and a side that crosses the one across
 * changes places with it.
 * @param {Box} box @param {Handle} handle @param {Point} by @returns {Box}
 */
export function pulled([x1, y1, x2, y2], handle, by) {
  if (handle === "inside") {
    const x = Math.min(Math.max(by.x, Math.min(-x1, 0)), Math.max(1 - x2, 0));
    const y = Math.min(Math.max(by.y, Math.min(-y1, 0)), Math.max(1 - y2, 0));
    return [x1 + x, y1 + y, x2 + x, y2 + y];
  }
  const moved = (/** @type {string} */ side, /** @type {number} */ at, /** @type {number} */ more) =>
    handle.includes(side) ? inPicture(at + more) : at;
  return around([
    { x: moved("w", x1, by.x), y: moved("n", y1, by.y) },
    { x: moved("e", x2, by.x), y: moved("s", y2, by.y) },
  ]);
}

/**
 * Extreme points of a box that became another one: each keeps its place between the sides.
 * @param {Point[]} points @param {Box} from @param {Box} to @returns {Point[]}
 */
export function carried(points, from, to) {
  const along = (/** @type {number} */ at, /** @type {number} */ side) =>
    from[side + 2] > from[side]
      ? to[side] + ((at - from[side]) / (from[side + 2] - from[side])) * (to[side + 2] - to[side])
      : to[side];
  return points.map(({ x, y }) => ({ x: along(x, 0), y: along(y, 1) }));
}

/**
 * The side that is still to click when three of the four extreme points are there: the one that
 * is left when each point stands for the side it lies at most. Before, it could be any; so it
 * could where two sides are left about as well, as in a long thing that lies askew: null.
 * @param {Point[]} points @returns {Side|null}
 */
export function missingSide(points) {
  if (points.length !== 3) return null;
  const middle = (/** @type {"x"|"y"} */ axis) => points.reduce((sum, point) => sum + point[axis] / 3, 0);
  const [x, y] = [middle("x"), middle("y")];
  const out = { top: (p) => y - p.y, left: (p) => x - p.x, bottom: (p) => p.y - y, right: (p) => p.x - x };
  const found = SIDES.map((left) => {
    const [a, b, c] = SIDES.filter((side) => side !== left);
    const ways = [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]];
    const far = ways.map((sides) => points.reduce((sum, point, at) => sum + out[sides[at]](point), 0));
    return { left, far: Math.max(...far) };
  });
  const [best, next] = found.sort((one, other) => other.far - one.far);
  return best.far - next.far > CLEAR * best.far ? best.left : null;
}

/**
 * What to do next, in words.
 * @param {"drag"|"extreme"} way @param {Point[]} points so far
 */
export function hint(way, points) {
  if (way === "drag") {
    return points.length
      ? "Now the corner across: let go there, or Enter."
      : "Drag from corner to corner, or arrows and Enter.";
  }
  const left = 4 - points.length;
  if (left === 4) return "Click the top-most, left-most, bottom-most, right-most point, in any order.";
  const side = missingSide(points);
  if (side) return `1 point left: the ${side}-most, it seems.`;
  return `${left === 1 ? "1 point" : `${left} points`} left, of top, left, bottom and right.`;
}

/** The smallest box at a point, for a click on it. @param {Array<{box: Box}>} boxes @param {Point} point */
export function boxAt(boxes, { x, y }) {
  const hit = boxes.filter(({ box: [x1, y1, x2, y2] }) => x >= x1 && x <= x2 && y >= y1 && y <= y2);
  const area = (/** @type {{box: Box}} */ { box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
  return hit.sort((a, b) => area(a) - area(b))[0] ?? null;
}
