// A status is a word, a shape and a colour, so that none of them has to carry it alone.
import { h, s } from "./dom.js";
import { T } from "./texts.js";

const SHAPES = {
  check: ["M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm3.2 4.3-4.2 4.4-2.2-2.1-1 1.1L7 11.8l5.3-5.4Z"],
  ring: ["M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm0 2a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z"],
  half: ["M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm0 2a5 5 0 0 0 0 10Z"],
  triangle: ["M8 1.2 15.6 14.6H.4ZM7.2 6v4.4h1.6V6Zm0 5.4V13h1.6v-1.6Z"],
  square: ["M2 2h12v12H2Zm3.2 2.2-1 1L7 8l-2.8 2.8 1 1L8 9l2.8 2.8 1-1L9 8l2.8-2.8-1-1L8 7Z"],
  diamond: ["M8 .8 15.2 8 8 15.2.8 8Z"],
};

const STATUSES = {
  active: ["good", "check"],
  pending: ["wait", "ring"],
  awaiting_confirmation: ["wait", "half"],
  needs_reauthorization: ["bad", "triangle"],
  expired: ["idle", "square"],
};

const BREAKERS = { closed: ["good", "check"], half_open: ["wait", "half"], open: ["bad", "triangle"] };

/** A small shape, hidden from who cannot see it. */
export function shape(name, attributes = {}) {
  return s(
    "svg",
    { viewBox: "0 0 16 16", class: "shape", "aria-hidden": "true", ...attributes },
    SHAPES[name].map((d) => s("path", { d, "fill-rule": "evenodd" })),
  );
}

/** The badge of a connection's status. */
export const statusBadge = (status) => badge(STATUSES[status] ?? ["idle", "ring"], T.status[status] ?? status);

/** The badge of a provider's state, as the resource's circuit breaker sees it. */
export const breakerBadge = (state) => badge(BREAKERS[state] ?? ["idle", "ring"], T.breaker[state] ?? state);

function badge([tone, name], word) {
  return h("span", { class: `badge ${tone}` }, shape(name), word);
}
