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
  service: "at work",
  outbox: "waiting",
  queue: "messages",
  "dead-letters": "dead",
};

/** What is not, in words: how many pass there is all that is known. */
const NOT_COUNTED = {
  client: "how many: not counted",
  service: "under way: not counted",
  provider: "open calls: not counted",
};

/** A count that is older says how old it is. */
const FRESH_MS = 3000;

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
  write(stay, stays(place));
  const well = place.status === "up" || place.kind === "client";
  write(words, well ? joined([...parts(place), counted(place, now)], " · ") || place.words : troubled(place, now));
}

/** First what is there; where nobody counts that, it says so, and how many pass stands in its place. */
function figures({ kind, status, now, perSecond }) {
  const here = status === "away" || status === "stale" ? "at last count" : (HERE[kind] ?? "");
  if (now !== null) return [count(now), here, perSecond === null || kind === "dead-letters" ? "" : `${rate(perSecond)}/s`];
  const not = NOT_COUNTED[kind] ?? "";
  return perSecond === null ? [count(null), "not measured", ""] : [rate(perSecond), "a second", not];
}

function stays({ kind, dwell }) {
  if (kind === "provider") return "time: not measured";
  if (!dwell || dwell.p99 === null) return "";
  if (dwell.p50 !== null) return `p50 ${duration(dwell.p50)} · p99 ${duration(dwell.p99)}`;
  return kind === "dead-letters" ? `oldest sent ${duration(dwell.p99)} ago` : `oldest ${duration(dwell.p99)}`;
}

/** What the figure is made of; parts that are not there are not told, nor is one that is all of it and in sight. */
function parts({ now: all, detail, instances }) {
  const worth = ({ name, value }) => value && !(name === "visible" && value === all);
  const told = detail.filter(worth).map(({ name, value }) => `${count(value)} ${name}`);
  if (instances.length > 1) {
    const up = instances.filter(({ status }) => status === "up").length;
    told.push(`${up} of ${instances.length} up`);
  }
  return told;
}

const joined = (parts, by) => parts.filter(Boolean).join(by);

/** Nothing, for a figure of now. */
function counted({ now: there, asOf }, now) {
  return there !== null && asOf && Date.parse(now) - Date.parse(asOf) > FRESH_MS ? `counted ${ago(asOf, now)}` : "";
}

function troubled(place, now) {
  const { status, words, since } = place;
  const lasts = since && status !== "stale" ? `for ${lapse(since, now)}` : "";
  return `${status}: ${joined([words, lasts, counted(place, now)], ", ")}`;
}
