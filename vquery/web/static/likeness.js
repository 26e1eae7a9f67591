/** Orders by likeness to a few examples: how they are known among the others. */

import { state } from "./store.js";

/** How the names of such orders begin. */
export const LIKE = "like:";

/** Whether the grid shows such an order. */
export const isAlike = () => state.view.sort.startsWith(LIKE);

/** @typedef {{sort: string, result: string, value: ?string}} Alike */

/** @param {Alike} order what it is called among the others */
export const nameOf = ({ value }) => (value === null ? "like those chosen" : `like ${value}`);
