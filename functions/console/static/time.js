// Times as people read them. One clock moves every countdown of the page.
import { h } from "./dom.js";
import { T } from "./texts.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A date and time in this browser's zone, from RFC 3339. */
export const moment = (iso) => exact.format(new Date(iso));

/** The same, to the minute. */
export const minute = (iso) => short.format(new Date(iso));

/** A span of seconds in its two largest units: "4 min 10 s". */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return T.time.seconds(whole);
  if (whole < HOUR) return pair(whole, MINUTE, T.time.minutes, 1, T.time.seconds);
  if (whole < DAY) return pair(whole, HOUR, T.time.hours, MINUTE, T.time.minutes);
  return T.time.days(Math.floor(whole / DAY));
}

function pair(whole, large, largeText, small, smallText) {
  const rest = Math.floor((whole % large) / small);
  return largeText(Math.floor(whole / large)) + (rest ? ` ${smallText(rest)}` : "");
}

/** How far off a time is, ahead or back. */
export function distance(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Math.abs(seconds) < 1) return T.time.now;
  return seconds > 0 ? T.time.ahead(span(seconds)) : T.time.ago(span(-seconds));
}

/** A time that counts down by itself; what null means is `unknown`. */
export function countdown(iso, unknown = T.time.unknown) {
  if (!iso) return h("span", { class: "quiet" }, unknown);
  return h("time", { datetime: iso, title: moment(iso), class: "number", "data-live": true }, distance(iso));
}

setInterval(() => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-live]")) {
    const text = distance(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}, 1000);
