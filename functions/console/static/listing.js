// A list that comes in pages: shown as a table, searched, prolonged, and brought up to date without losing the focus.
import { fill, freshId, h, skeleton } from "./dom.js";
import { failure } from "./feedback.js";
import { T } from "./texts.js";

const SHOWN = 50;
const MOST = 200; // items a page may have
const SEARCHED = 2000; // items a search loads before it asks whether to go on
const WORTH_SEARCHING = 6;

/**
 * `load(cursor, limit)` gives a page; `columns` are [heading, item → cell]; `key(item)` names a row; `text(item)` is
 * what a search looks into. `empty` is shown where there is nothing at all. Gives {element, refresh}.
 */
export function listing({
  load,
  columns,
  key,
  text,
  empty,
  label,
  searchLabel,
  filters = [],
  isFiltered = () => false,
  signal,
}) {
  let items = [];
  let next = null;
  let loaded = false;
  const rows = new Map();
  const search = h("input", {
    type: "search",
    id: freshId("search"),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => later(find),
  });
  const tools = h(
    "div",
    { class: "tools", hidden: true },
    h("div", { class: "field" }, h("label", { for: search.id }, searchLabel), search),
    filters,
  );
  const body = h("tbody", { role: "rowgroup" });
  const table = h(
    "table",
    { role: "table", "aria-label": label, hidden: true },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        columns.map(([heading]) => h("th", { scope: "col", role: "columnheader" }, heading)),
      ),
    ),
    body,
  );
  const count = h("p", { class: "quiet", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => attempt(prolong) }, T.list.more);
  const trouble = h("div");
  const waiting = skeleton(4);
  const nothing = h("div");
  const element = h(
    "div",
    { class: "listing" },
    tools,
    waiting,
    table,
    nothing,
    trouble,
    h("div", { class: "actions" }, more, count),
  );
  let timer = 0;
  let run = 0; // what was begun before the list began again counts no more
  let queue = Promise.resolve(); // one after the other: two that load the same page would show it twice

  function later(work) {
    clearTimeout(timer);
    timer = setTimeout(() => attempt(work), 200);
  }

  function attempt(work) {
    const begun = run;
    queue = queue.then(() => begun === run && tried(work, begun));
    return queue;
  }

  async function tried(work, begun) {
    try {
      fill(trouble);
      await work();
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted || begun !== run) return;
      waiting.remove();
      fill(
        trouble,
        failure(error, () => attempt(work)),
      );
    }
  }

  // A page may be short, or empty, with more to come.
  async function prolong(limit = SHOWN) {
    const begun = run;
    const enough = items.length + limit;
    do {
      const page = await load(next, Math.min(MOST, limit));
      signal.throwIfAborted();
      if (begun !== run) return;
      items = [...items, ...page.items];
      next = page.next_cursor;
    } while (next && items.length < enough);
    loaded = true;
    draw();
  }

  async function find() {
    const bound = items.length + SEARCHED;
    while (query() && next && hits().length < SHOWN && items.length < bound) await prolong(MOST);
    draw();
  }

  const query = () => search.value.trim().toLowerCase();
  const hits = () => (query() ? items.filter((item) => text(item).toLowerCase().includes(query())) : items);

  function draw() {
    waiting.remove();
    const shown = hits();
    const none = items.length === 0 && !isFiltered();
    tools.hidden = none || (items.length < WORTH_SEARCHING && !next && !query() && !isFiltered());
    table.hidden = shown.length === 0;
    more.hidden = !next;
    fill(nothing, none ? empty() : shown.length === 0 ? h("p", { class: "quiet" }, T.list.noHit) : null);
    const text = none
      ? ""
      : query()
        ? T.list.found(shown.length, items.length, Boolean(next))
        : T.list.count(items.length, Boolean(next));
    if (count.textContent !== text) count.textContent = text;
    drawRows(shown);
  }

  function drawRows(shown) {
    const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.key : null;
    const wanted = shown.map((item) => {
      const id = key(item);
      const state = JSON.stringify(item);
      if (rows.get(id)?.state !== state) rows.set(id, { state, row: rowOf(item, id) });
      return rows.get(id).row;
    });
    if (wanted.length !== body.children.length || wanted.some((row, at) => row !== body.children[at])) {
      fill(body, wanted);
      if (focused !== null && !body.contains(document.activeElement)) {
        wanted
          .find((row) => row.dataset.key === focused)
          ?.querySelector("a, button")
          ?.focus({ preventScroll: true });
      }
    }
  }

  function rowOf(item, id) {
    return h(
      "tr",
      { role: "row", "data-key": id },
      columns.map(([heading, cell]) => h("td", { role: "cell", "data-label": heading }, cell(item))),
    );
  }

  // What is shown is loaded anew, where it is one page; quietly, since the next time may go better.
  const refresh = () => {
    queue = queue.then(again);
  };

  async function again() {
    if (!loaded || items.length > MOST) return;
    const begun = run;
    try {
      let fresh = [];
      let cursor = null;
      do {
        const page = await load(cursor, MOST);
        fresh = [...fresh, ...page.items];
        cursor = page.next_cursor;
      } while (cursor && fresh.length < items.length);
      signal.throwIfAborted();
      if (begun !== run) return;
      items = fresh;
      next = cursor;
      draw();
    } catch {
      // What is shown stays; its times go on counting.
    }
  }

  /** Begin again, as after another filter. */
  function restart() {
    run += 1;
    items = [];
    next = null;
    queue = Promise.resolve();
    return attempt(() => prolong());
  }

  restart();
  return { element, refresh, restart };
}
