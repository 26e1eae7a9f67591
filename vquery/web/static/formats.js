/** Numbers and times as people read them. */

/** @param {number} count */
export const count = (count) => count.toLocaleString("en");

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (number, one, many = one + "s") => `${count(number)} ${number === 1 ? one : many}`;

/** @param {number} us @param {number} [digits] of a second */
export function time(us, digits = 1) {
  const tick = 10 ** digits;
  const ticks = Math.floor((us / 1e6) * tick + 1e-6);
  const seconds = (ticks % (60 * tick)) / tick;
  const minutes = Math.floor(ticks / (60 * tick));
  const text = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  if (minutes < 60) return `${minutes}:${text}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text}`;
}

/** @param {?number|undefined} value between 0 and 1 as ".82"; others with three digits */
export function share(value) {
  if (value === null || value === undefined) return "";
  if (value >= 0 && value < 1) return value.toFixed(2).replace(/^0/, "").replace(/^1\.00$/, ".99");
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

/** @param {string} video the last part of its path, without the suffix */
export const shortVideo = (video) => video.replace(/^.*\//, "").replace(/\.[^.]{1,5}$/, "");
