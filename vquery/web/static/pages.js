/** Rows of a result in one order, read page by page as they are looked at; few are kept. */

import { get, isAbort } from "./api.js";

export const PAGE = 100;
const KEPT = 80;
const AT_ONCE = 3;
const PAUSE_MS = 50;
const AGAIN_MS = 3000;

/** @typedef {import("./store.js").Row} Row */

/** Whether it may go better later: the server was not reached, or was at fault. @param {*} error */
const passing = (error) => error.status === 0 || error.status >= 500;

export class Pages {
  /**
   * @param {{result: string, sort: string, descending: boolean, concept: string, total: number}} what
   * @param {{loaded: function(number, number): void, failed: function(Error): void}} tell
   */
  constructor(what, tell) {
    this.what = what;
    this.tell = tell;
    /** @type {Map<number, Row[]>} least recently used first */
    this.pages = new Map();
    /** @type {Set<number>} read before labels changed */
    this.stale = new Set();
    /** @type {Map<number, AbortController>} */
    this.loading = new Map();
    /** @type {number[]} */
    this.wanted = [];
    /** @type {Map<number, number>} when a page was refused */
    this.refused = new Map();
    this.timer = 0;
    this.closed = false;
  }

  /**
   * The row at a position, null while it is not here.
   * @param {number} position
   * @returns {?Row}
   */
  row(position) {
    return this.pages.get(Math.floor(position / PAGE))?.[position % PAGE] ?? null;
  }

  /**
   * Say which positions are looked at; what nobody looks at any more is not waited for.
   * @param {number} from
   * @param {number} to
   */
  want(from, to) {
    this.wanted = [];
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      this.wanted.push(page);
      const rows = this.pages.get(page);
      if (rows) {
        this.pages.delete(page);
        this.pages.set(page, rows);
      }
    }
    if (this.wanted.some((page) => this.missing(page))) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.load(), this.pages.size ? PAUSE_MS : 0);
    }
  }

  /** @param {number} page */
  missing(page) {
    if (this.loading.has(page)) return false;
    if (Date.now() - (this.refused.get(page) ?? 0) < AGAIN_MS) return false;
    return !this.pages.has(page) || this.stale.has(page);
  }

  load() {
    for (const [page, controller] of this.loading) {
      if (!this.wanted.includes(page)) controller.abort();
    }
    for (const page of this.wanted) {
      if (this.loading.size >= AT_ONCE) return;
      if (this.missing(page)) void this.read(page);
    }
  }

  /** @param {number} page */
  async read(page) {
    const controller = new AbortController();
    this.loading.set(page, controller);
    this.stale.delete(page);
    try {
      const rows = await this.ask(page * PAGE, PAGE, { signal: controller.signal });
      if (this.closed) return;
      this.pages.delete(page);
      this.pages.set(page, rows);
      this.forget();
      this.tell.loaded(page * PAGE, page * PAGE + rows.length);
    } catch (error) {
      if (this.pages.has(page)) this.stale.add(page);
      if (!isAbort(error) && !this.closed) {
        this.refused.set(page, Date.now());
        if (passing(error)) setTimeout(() => this.closed || this.load(), AGAIN_MS + PAUSE_MS);
        this.tell.failed(/** @type {Error} */ (error));
      }
    } finally {
      if (this.loading.get(page) === controller) this.loading.delete(page);
    }
    if (!this.closed && this.wanted.some((other) => other !== page && this.missing(other))) this.load();
  }

  /**
   * @param {number} offset
   * @param {number} limit
   * @param {{signal?: AbortSignal, fresh?: boolean}} [options]
   * @returns {Promise<Row[]>}
   */
  async ask(offset, limit, { signal, fresh } = {}) {
    const { result, sort, descending, concept } = this.what;
    const path = `/api/results/${encodeURIComponent(result)}/rows`;
    const view = { offset, limit, sort, descending, concept, fresh: fresh || null };
    return (await get(path, view, { signal })).rows;
  }

  /** Have the server order the rows by the labels as they are now. */
  order() {
    return this.ask(0, 1, { fresh: true });
  }

  /** The row at a position, also where it is not looked at. @param {number} position */
  async fetch(position) {
    return this.row(position) ?? (await this.ask(position, 1))[0] ?? null;
  }

  /** Labels changed: what is looked at is read again, the rest when it is needed. */
  refresh() {
    for (const page of this.pages.keys()) this.stale.add(page);
    for (const [page, controller] of this.loading) {
      controller.abort();
      this.loading.delete(page);
    }
    this.load();
  }

  forget() {
    for (const page of this.pages.keys()) {
      if (this.pages.size <= KEPT) return;
      if (!this.wanted.includes(page)) this.pages.delete(page);
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    for (const controller of this.loading.values()) controller.abort();
  }
}
