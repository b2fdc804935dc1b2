// The last attempts at a connection's tokens: a small plot, and the same as a table for who cannot see it.
import { h, s } from "./dom.js";
import { shape } from "./status.js";
import { T } from "./texts.js";
import { distance, moment } from "./time.js";

const WIDTH = 640;
const HEIGHT = 96;
const FLOOR = 72;
const STEP = WIDTH / 20;
const SHOWN_MS = 10; // what takes less than this is as tall
const GOOD = { refreshed: ["good", "check"], connected: ["accent", "diamond"] };
const OTHER = ["bad", "triangle"];

/** The figure for `attempts`, oldest first; at most 20. */
export function timeline(attempts) {
  if (attempts.length === 0) return h("p", { class: "quiet" }, T.plot.none);
  return h(
    "figure",
    { class: "timeline" },
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary(attempts) },
      s("line", { x1: 0, x2: WIDTH, y1: FLOOR, y2: FLOOR, class: "axis" }),
      attempts.map((one, at) => mark(one, WIDTH - (attempts.length - at - 0.5) * STEP, tallest(attempts))),
    ),
    h(
      "figcaption",
      {},
      attempts.length > 1 && h("span", { class: "number" }, distance(attempts[0].at)),
      legend(),
      h("span", { class: "number" }, distance(attempts.at(-1).at)),
    ),
    h("details", {}, h("summary", {}, T.plot.asTable), table(attempts)),
  );
}

// Logarithmic: a refresh takes 100 ms, and one that fails 15 s.
const tall = (ms) => Math.log(Math.max(ms, SHOWN_MS) / SHOWN_MS);
const tallest = (attempts) => Math.max(tall(1000), ...attempts.map((one) => tall(one.duration_ms ?? 0)));

function mark(attempt, x, most) {
  const [tone, name] = GOOD[attempt.outcome] ?? OTHER;
  const y = FLOOR - (attempt.duration_ms === null ? 0 : (tall(attempt.duration_ms) / most) * (FLOOR - 20));
  return s(
    "g",
    { class: `mark ${tone}` },
    s(
      "title",
      {},
      `${word(attempt)}, ${moment(attempt.at)}${attempt.duration_ms === null ? "" : `, ${attempt.duration_ms} ms`}`,
    ),
    s("line", { x1: x, x2: x, y1: FLOOR, y2: y }),
    shape(name, { x: x - 9, y: y - 9, width: 18, height: 18 }),
    attempt.by === "request" && s("circle", { cx: x, cy: FLOOR + 10, r: 2.5 }),
  );
}

const word = (attempt) => T.plot.outcomes[attempt.outcome] ?? T.categories[attempt.outcome] ?? attempt.outcome;

function legend() {
  const entry = (tone, name, text) => h("span", { class: `key ${tone}` }, shape(name), text);
  return h(
    "span",
    { class: "legend" },
    entry("good", "check", T.plot.outcomes.refreshed),
    entry("accent", "diamond", T.plot.outcomes.connected),
    entry("bad", "triangle", T.plot.failed),
    h("span", { class: "key" }, h("span", { class: "dot" }), T.plot.asked),
  );
}

function summary(attempts) {
  const failed = attempts.filter((one) => !GOOD[one.outcome]).length;
  const last = attempts.at(-1);
  return T.plot.summary(attempts.length, failed, word(last), distance(last.at));
}

function table(attempts) {
  const heads = [T.plot.when, T.plot.outcome, T.plot.by, T.plot.duration];
  return h(
    "table",
    { role: "table" },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head)),
      ),
    ),
    h(
      "tbody",
      { role: "rowgroup" },
      attempts.toReversed().map((one) =>
        h(
          "tr",
          { role: "row" },
          [moment(one.at), word(one), T.plot.bys[one.by], one.duration_ms === null ? "–" : `${one.duration_ms} ms`].map(
            (cell, at) =>
              h("td", { role: "cell", "data-label": heads[at], class: at % 3 === 0 ? "number" : null }, cell),
          ),
        ),
      ),
    ),
  );
}
