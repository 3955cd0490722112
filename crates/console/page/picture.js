// The places on an order's way and what is at each of them. Where they stand is the style sheet's matter.

import { byId, element, keep, mark, write } from "./dom.js";
import { ago, count, duration, lapse, rate } from "./figures.js";
import { ways } from "./ways.js";
import { traffic } from "./traffic.js";

export function picture() {
  const list = byId("places");
  const drawn = ways(byId("ways"), list);
  const move = traffic(byId("ways"), drawn);
  return (state) => {
    keep(list, state.places, { key: ({ id }) => id, make, update: (node, place) => update(node, place, state.at) });
    drawn.draw();
    move(state.moves);
  };
}

/** What is counted at each kind of place. */
const HERE = {
  client: "open",
  service: "at work",
  outbox: "waiting",
  queue: "messages",
  "dead-letters": "dead",
  provider: "charging",
};

function make(place) {
  const node = element(
    "li",
    { class: "spot", "data-place": place.id, "data-kind": place.kind },
    element("h3", {}),
    element("p", { class: "now" }, element("strong", {}), element("span", { class: "unit" })),
    element("p", { class: "speed" }),
    element("p", { class: "stay" }),
    element("p", { class: "words" }),
  );
  node.style.gridArea = place.id;
  return node;
}

function update(node, place, now) {
  const [name, , speed, stay, words] = node.children;
  mark(node, "data-status", place.status);
  node.toggleAttribute("data-some", place.kind === "dead-letters" && place.now > 0);
  write(name, place.label);
  const [figure, unit, rest] = figures(place);
  write(node.querySelector("strong"), figure);
  write(node.querySelector(".unit"), unit);
  write(speed, rest);
  write(stay, stays(place.dwell));
  write(words, place.status === "up" ? parts(place) || place.words : troubled(place, now));
}

/** First what is there; where nobody counts that, how many pass. */
function figures({ kind, status, now, perSecond }) {
  const here = status === "away" || status === "stale" ? "at last count" : (HERE[kind] ?? "");
  if (now !== null) return [count(now), here, perSecond === null || kind === "dead-letters" ? "" : `${rate(perSecond)}/s`];
  return perSecond === null ? [count(null), "not measured", ""] : [rate(perSecond), "a second", ""];
}

function stays(dwell) {
  if (!dwell || dwell.p99 === null) return "";
  if (dwell.p50 === null) return dwell.p99 > 0 ? `oldest ${duration(dwell.p99)}` : "";
  return `${duration(dwell.p50)}, p99 ${duration(dwell.p99)}`;
}

/** What the figure is made of; parts that are not there are not told. */
function parts({ detail, instances }) {
  const told = detail.filter(({ value }) => value !== null && value !== 0).map(({ name, value }) => `${count(value)} ${name}`);
  if (instances.length > 1) {
    const up = instances.filter(({ status }) => status === "up").length;
    told.push(`${up} of ${instances.length} up`);
  }
  return told.join(" · ");
}

function troubled({ status, words, since, asOf }, now) {
  if (status === "stale") return `stale: ${words}${asOf ? `, measured ${ago(asOf, now)}` : ""}`;
  return `${status}: ${words}${since ? `, for ${lapse(since, now)}` : ""}`;
}
