/** The server, as functions: checked answers, one error type, addresses of pictures. */

import { dispatch, note, state } from "./store.js";

const TOKEN = document.querySelector('meta[name="vquery-token"]')?.getAttribute("content") ?? "";
const WAIT_S = 10;

/** What the server refused, in its own sentence. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: the server was not reached
   * @param {string} message
   * @param {{line?: number, column?: number}} [place] of an error in a query
   */
  constructor(status, message, place = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.line = place.line;
    this.column = place.column;
  }
}

/** @param {*} error whether it only says that nobody waits for the answer any more */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/** @param {*} error whether it says that the server let the result go */
export const isGone = (error) =>
  error instanceof ApiError && error.status === 404 && error.message.includes("result is not kept any more");

/**
 * @param {Object<string, *>} [params] null, undefined and "" are left out
 */
export function queryString(params = {}) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    search.set(key, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  }
  const text = search.toString();
  return text ? "?" + text : "";
}

/**
 * How requests travel: to the server that gave out this page, or where `setTransport` says.
 * `picture` gives what an image shows for an address, at once or later.
 * @typedef {{ask: (path: string, options: RequestInit) => Promise<Response>,
 *   picture: (address: string) => string|Promise<string>, unreached: string}} Transport
 */
/** @type {Transport} */
let transport = {
  ask: (path, options) => fetch(path, { credentials: "same-origin", ...options }),
  picture: (address) => address,
  unreached: "The server does not answer; is `vquery serve` still running?",
};

/** @param {Transport} other */
export function setTransport(other) {
  transport = other;
}

/**
 * Show the picture of an address in an image; one that comes after another was asked for is not shown.
 * @param {HTMLImageElement} image
 * @param {string} address
 */
export function showPicture(image, address) {
  if (image.dataset.address === address) return;
  image.dataset.address = address;
  const found = transport.picture(address);
  if (typeof found === "string") image.src = found;
  else void putLater(image, address, found);
}

/** @param {HTMLImageElement} image @param {string} address @param {Promise<string>} found */
async function putLater(image, address, found) {
  image.removeAttribute("src");
  try {
    const source = await found;
    if (image.dataset.address === address) image.src = source;
  } catch {
    if (image.dataset.address === address) image.dispatchEvent(new Event("error"));
  }
}

/** @param {HTMLImageElement} image show nothing, and wait for nothing */
export function dropPicture(image) {
  delete image.dataset.address;
  image.removeAttribute("src");
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  let response;
  let text;
  try {
    response = await transport.ask(path, options);
    text = await response.text();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, transport.unreached);
  }
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new ApiError(response.status, "The answer of the server is no JSON: reload the page.");
  }
  if (!response.ok) {
    const said = data?.error ?? `The server answered ${response.status} ${response.statusText}.`;
    throw new ApiError(response.status, said, data ?? {});
  }
  return data;
}

/**
 * @param {string} path
 * @param {Object<string, *>} [params]
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export function get(path, params, options = {}) {
  return ask(path + queryString(params), { method: "GET", ...options });
}

/**
 * POST, with the token of this run and a name for the action: sent again when the connection
 * broke, it is applied once.
 * @param {string} path
 * @param {Object<string, *>} [body]
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function post(path, body = {}, options = {}) {
  const request = {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-VQuery-Token": TOKEN,
      "X-VQuery-Action": uuid(),
    },
    body: JSON.stringify(body),
    ...options,
  };
  try {
    return await ask(path, request);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 0) throw error;
    return ask(path, request);
  }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export function del(path) {
  return ask(path, { method: "DELETE", headers: { "X-VQuery-Token": TOKEN } });
}

/** A random name, also where the page is not in a secure context. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) =>
    byte.toString(16).padStart(2, "0"),
  );
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * Run a query to its end. `aborted` cancels it on the server as well.
 * @param {string} text
 * @param {{signal?: AbortSignal, onState?: function(Object): void}} [options]
 * @returns {Promise<{seconds: number, result: import("./store.js").Result}>}
 */
export async function runQuery(text, { signal, onState } = {}) {
  const { query } = await post("/api/queries", { text }); // its name is needed to cancel it
  return follow(`/api/queries/${encodeURIComponent(query)}`, { signal, onState });
}

/**
 * Wait for a job that `start` began; its progress shows in the status line.
 * @param {string} name what people call it: "Propagating", …
 * @param {Promise<{job: string}>} start
 * @param {{signal?: AbortSignal, onState?: function(Object): void}} [options]
 * @returns {Promise<any>} the job's result
 */
export async function runJob(name, start, { signal, onState } = {}) {
  const { job } = await start;
  const show = (data) => {
    dispatch("jobs", { jobs: { ...state.jobs, [job]: { name, ...data } } });
    onState?.(data);
  };
  show({ state: "running", share: null, progress: null });
  try {
    return (await follow(`/api/jobs/${encodeURIComponent(job)}`, { signal, onState: show })).result;
  } finally {
    const jobs = { ...state.jobs };
    delete jobs[job];
    dispatch("jobs", { jobs });
  }
}

/** Say that something runs on; what ended meanwhile needs no cancelling. @param {*} error */
function tellCancel(error) {
  if (error.status !== 404) note(`It could not be cancelled: ${error.message}`, "error");
}

/**
 * @param {string} path
 * @param {{signal?: AbortSignal, onState?: function(Object): void}} options
 */
async function follow(path, { signal, onState }) {
  const cancel = () => void del(path).catch(tellCancel);
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    for (let wait_s = 0.5; ; wait_s = Math.min(WAIT_S, wait_s * 2)) {
      const data = await get(path, { wait_s }, { signal });
      onState?.(data);
      if (data.state === "done") return data;
      if (data.state === "failed") throw new ApiError(422, data.error, data);
      if (data.state === "cancelled") throw new ApiError(409, data.error ?? "It was cancelled.");
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

/** @param {string} video its path as part of an address */
const inPath = (video) => video.split("/").map(encodeURIComponent).join("/");

/** @param {string} video */
export const videoUrl = (video) => `/media/video/${inPath(video)}`;

/** @param {number} detectionId */
export const cropUrl = (detectionId) => `/media/crop/${detectionId}.jpg`;

/**
 * @param {string} video
 * @param {number} t_us
 * @param {number} [height]
 */
export const frameUrl = (video, t_us, height) =>
  `/media/frame/${inPath(video)}` + queryString({ t_us: Math.round(t_us), height });

/**
 * @param {string} video
 * @param {number} start_us
 * @param {number} end_us
 * @param {{frames?: number, height?: number}} [options]
 */
export const stripUrl = (video, start_us, end_us, { frames = 3, height = 90 } = {}) =>
  `/media/strip/${inPath(video)}` + queryString({ start_us, end_us, frames, height });
