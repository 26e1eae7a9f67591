/** The query bar: type, complete, run, cancel, explain, keep by name. */

import { ApiError, get, isAbort, post, runQuery } from "./api.js";
import { Completion } from "./completion.js";
import { askText, el } from "./dialogs.js";
import { count, counted } from "./formats.js";
import { bind } from "./keys.js";
import { dispatch, note, remember, remembered, state, subscribe } from "./store.js";

const RECENT = 12;
const LINES = 8;
const EMPTY = "The collection is empty: index a folder with `vquery index FOLDER --collection NAME.vq`.";
const EXAMPLE = "faces.filter(score > 0.9)";

/** @param {number} seconds */
const took = (seconds) => (seconds < 10 ? `${seconds.toFixed(2)} s` : `${seconds.toFixed(0)} s`);

/** @returns {Array<{name: string, rows: number}>} tables of the collection that hold something */
const filledTables = () =>
  (state.collection?.tables ?? []).filter((/** @type {{rows: number}} */ one) => one.rows);

class QueryBar {
  /** @param {HTMLElement} pane */
  constructor(pane) {
    this.input = /** @type {HTMLTextAreaElement} */ (
      el("textarea", {
        id: "text",
        rows: 1,
        spellcheck: "false",
        autocomplete: "off",
        autocapitalize: "off",
        "aria-label": "Query",
        "aria-keyshortcuts": "/",
        placeholder: `Query: ${EXAMPLE}`,
      })
    );
    this.completion = new Completion(this.input, () => this.resize());
    const start = () => void this.start();
    this.run = el("button", { type: "button", class: "main", onclick: start }, "Run ", el("kbd", {}, "Ctrl ↵"));
    const stop = () => this.stop();
    this.cancel = el("button", { type: "button", class: "danger", hidden: true, onclick: stop }, "Cancel");
    this.outcome = el("span", { class: "outcome", role: "status" });
    this.saved = this.savedMenu();
    this.problem = el("div", { class: "query-problem", role: "alert", hidden: true });
    this.plan = el("pre", { class: "plan", tabindex: "0", "aria-label": "Plan", hidden: true });
    const explain = el("button", { type: "button", onclick: () => void this.explain() }, "Explain");
    const save = el("button", { type: "button", onclick: () => void this.save() }, "Save as …");
    const field = el("div", { class: "query-field" }, this.input, this.completion.list);
    const row = el("div", { class: "query-row" }, field, this.run, this.cancel, explain, save, this.saved);
    pane.append(row, this.outcome, this.problem, this.plan);
    /** @type {?AbortController} */
    this.running = null;
    this.timer = 0;
    this.input.addEventListener("input", () => this.resize());
    window.addEventListener("resize", () => this.resize());
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  savedMenu() {
    const select = /** @type {HTMLSelectElement} */ (
      el("select", { "aria-label": "Saved concepts, tables and recent queries" })
    );
    select.addEventListener("change", () => {
      this.put(select.value);
      select.value = "";
      void this.start();
    });
    return select;
  }

  fillSaved() {
    const group = (/** @type {string} */ label, /** @type {Array<[string, string]>} */ entries) => {
      const options = entries.map(([value, text]) => el("option", { value }, text));
      return options.length ? [el("optgroup", { label }, ...options)] : [];
    };
    const tables = filledTables();
    const concepts = state.collection?.concepts ?? [];
    this.saved.replaceChildren(
      el("option", { value: "" }, "Saved"),
      ...group("Concepts", concepts.map((/** @type {any} */ one) => [one.name, one.name])),
      ...group("Tables", tables.map((one) => [one.name, `${one.name} · ${count(one.rows)}`])),
      ...group("Recent", this.recent().map((text) => [text, text.length > 70 ? text.slice(0, 69) + "…" : text])),
    );
  }

  /** @returns {string[]} */
  recent() {
    return remembered(`recent:${state.collection?.path ?? ""}`, []);
  }

  /** @param {string} text */
  put(text) {
    this.input.value = text;
    this.completion.close();
    this.resize();
  }

  resize() {
    this.input.rows = 1;
    const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(this.input);
    const text = this.input.scrollHeight - parseFloat(paddingTop) - parseFloat(paddingBottom);
    this.input.rows = Math.max(1, Math.min(LINES, Math.round(text / parseFloat(lineHeight))));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    if (this.completion.key(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      void this.start();
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.running) this.stop();
      else document.getElementById("cells")?.focus();
    }
  }

  /** Run the text; a query that still runs is cancelled. @param {boolean} [again] keep the view */
  async start(again = false) {
    const text = this.input.value.trim();
    this.stop();
    this.completion.close();
    this.clear();
    if (!text) return this.refuse(new Error(`The query is empty: write a table, such as faces, or ${EXAMPLE}.`));
    const running = new AbortController();
    this.running = running;
    this.waiting(true);
    try {
      const { seconds, result } = await runQuery(text, { signal: running.signal });
      if (this.running !== running) return;
      this.done(text, seconds, { .../** @type {any} */ (result), query: text, again });
    } catch (error) {
      if (this.running === running) this.failed(/** @type {Error} */ (error));
    } finally {
      if (this.running === running) {
        this.running = null;
        this.waiting(false);
      }
    }
  }

  stop() {
    this.running?.abort();
  }

  /** The server let the result at hand go: get it anew, where it came from here. */
  renew() {
    const text = state.result?.query;
    if (!text) {
      return note("The server keeps these rows no longer: ask for them again (s suggests, g propagates).", "error");
    }
    if (this.running) return;
    const lost = state.selection.mode === "none" ? "" : " The selection was cleared.";
    note(`The server keeps this result no longer: the query is run again.${lost}`);
    this.put(text);
    void this.start(true);
  }

  /** @param {boolean} on */
  waiting(on) {
    clearInterval(this.timer);
    this.run.hidden = on;
    this.cancel.hidden = !on;
    if (!on) return;
    const begun = performance.now();
    this.outcome.textContent = "running …";
    this.timer = setInterval(() => {
      this.outcome.textContent = `running … ${((performance.now() - begun) / 1000).toFixed(0)} s`;
    }, 1000);
  }

  clear() {
    this.problem.hidden = true;
    this.plan.hidden = true;
    this.outcome.textContent = "";
  }

  /**
   * @param {string} text
   * @param {number} seconds
   * @param {import("./store.js").Result} result
   */
  done(text, seconds, result) {
    const cut = result.cut ? ` (${count(result.cut.kept)} of ${count(result.cut.of)} rows kept)` : "";
    const hits = `${counted(result.total, "hit")} in ${counted(result.videos, "video")}`;
    this.outcome.textContent = `${hits}${cut} · ${took(seconds)}`;
    const recent = [text, ...this.recent().filter((one) => one !== text)].slice(0, RECENT);
    remember(`recent:${state.collection?.path ?? ""}`, recent);
    this.fillSaved();
    history.replaceState(null, "", "#q=" + encodeURIComponent(text));
    const inBar = document.activeElement === this.input || document.activeElement === document.body;
    dispatch("result", { result });
    if (inBar && result.total) document.getElementById("cells")?.focus();
  }

  /** @param {Error} error */
  failed(error) {
    const cancelled = isAbort(error) || (error instanceof ApiError && error.status === 409);
    this.outcome.textContent = cancelled ? "cancelled" : "";
    if (!cancelled) this.refuse(error);
  }

  /** Show what is wrong, and where. @param {Error} error */
  refuse(error) {
    const parts = [el("p", {}, error.message)];
    const place = error instanceof ApiError ? error : null;
    const line = this.input.value.trim().split("\n")[(place?.line ?? 0) - 1];
    if (line !== undefined) {
      const column = Math.max(1, Math.min(place?.column ?? 1, line.length + 1));
      parts.push(el("pre", { "aria-hidden": "true" }, `${line}\n${" ".repeat(column - 1)}^`));
    }
    this.problem.replaceChildren(...parts);
    this.problem.hidden = false;
  }

  async explain() {
    if (!this.plan.hidden) {
      this.plan.hidden = true;
      return;
    }
    this.problem.hidden = true;
    try {
      const { plan } = await get("/api/explain", { text: this.input.value.trim() });
      this.plan.textContent = plan;
      this.plan.hidden = false;
    } catch (error) {
      this.refuse(/** @type {Error} */ (error));
    }
  }

  async save() {
    const text = this.input.value.trim();
    if (!text) return this.refuse(new Error("There is no query to save: write one first."));
    const name = await askText({
      title: "Save the query as a concept",
      label: "Name",
      hint: "From then on the name stands for this query, in other queries too.",
      check: async (given) => {
        await post("/api/concepts", { name: given, text });
      },
    });
    if (name === null) return;
    note(`Saved as ${name}.`, "done");
    dispatch("labels");
  }
}

/** Run a query as if it had been typed. @type {function(string): void} */
export let ask = () => {};

/** @param {HTMLElement} pane */
export function mount(pane) {
  const bar = new QueryBar(pane);
  ask = (text) => {
    bar.put(text);
    void bar.start();
  };
  let first = true;
  subscribe("collection", () => {
    bar.fillSaved();
    if (first) begin(bar);
    first = false;
  });
  subscribe("result", () => {
    if (state.result && bar.input.value.trim() !== state.result.text && !bar.running) showElsewhere(bar);
  });
  subscribe("gone", () => bar.renew());
  const focus = () => {
    bar.input.focus();
    bar.input.select();
  };
  bind({ group: "Query", keys: ["/"], text: "go to the query", run: focus });
  bind({ group: "Query", keys: ["Ctrl+Enter"], text: "run the query", inText: true, run: () => void bar.start() });
  bind({ group: "Query", keys: ["w"], text: "explain how the query runs", run: () => void bar.explain() });
}

/** A result that did not come from the bar: suggestions, a preview. @param {QueryBar} bar */
function showElsewhere(bar) {
  bar.clear();
  const { total, videos, text } = /** @type {import("./store.js").Result} */ (state.result);
  bar.outcome.textContent = `${text ? text + ": " : ""}${counted(total, "item")} in ${counted(videos, "video")}`;
}

/** The first view: the query of the address, else the largest table of things with pictures. */
function begin(bar) {
  const asked = /^#q=(.*)$/.exec(location.hash)?.[1];
  const names = filledTables().map((one) => one.name);
  const usual = ["faces", "detections", "captions", "shots"].find((name) => names.includes(name));
  let text = usual ?? names[0] ?? "";
  try {
    if (asked) text = decodeURIComponent(asked);
  } catch {
    // an address that was cut: the usual view
  }
  if (!text) return bar.refuse(new Error(EMPTY));
  bar.put(text);
  void bar.start();
}
