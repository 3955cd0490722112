// One order, opened: what became of it, in order of time.

import { Refusal, get } from "./ask.js";
import { element } from "./dom.js";
import { amount, duration, tail } from "./figures.js";
import { say } from "./said.js";
import { isShown, openSheet } from "./sheet.js";

let followed = null;

export async function tellStory(orderId) {
  try {
    show(orderId, await get(`./orders/${encodeURIComponent(orderId)}`));
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    say(refusal.message, "bad");
  }
}

/** With each state: an open story is told again when its order has moved, and each second while it is under way. */
export function story({ orders, at }) {
  if (!followed || !isShown(followed.orderId)) {
    followed = null;
    return;
  }
  const order = orders.latest.find(({ orderId }) => orderId === followed.orderId);
  const moved = order && order.updatedAt !== followed.updatedAt;
  const due = !followed.settled && Date.parse(at) - followed.told >= 1000;
  if (!moved && !due) return;
  followed = { ...followed, updatedAt: order?.updatedAt ?? followed.updatedAt, told: Date.parse(at) };
  again(followed.orderId);
}

/** What is refused is asked for again with a later state. */
async function again(orderId) {
  const told = await get(`./orders/${encodeURIComponent(orderId)}`).catch((refusal) => {
    if (!(refusal instanceof Refusal)) throw refusal;
  });
  if (told && isShown(orderId)) show(orderId, told);
}

function show(orderId, told) {
  const { order, traceId, note, steps } = told;
  if (followed?.orderId !== orderId) followed = { orderId, told: 0 };
  const text = JSON.stringify(told);
  if (isShown(orderId) && followed.text === text) return; // Somebody may be selecting in it.
  followed.text = text;
  followed.settled = order.final ?? false;
  followed.updatedAt = order.updatedAt;
  const facts = [
    ["Order", element("code", {}, order.orderId)],
    ["Status", element("span", { class: "status", "data-word": order.status }, order.status)],
    ["Total", amount(order.total, order.currency)],
    ["User", order.userId],
    ["Took", order.tookMs === null || order.tookMs === undefined ? "under way" : duration(order.tookMs / 1000)],
    ["Trace", traceId ? element("code", {}, traceId) : "not traced"],
  ];
  openSheet(
    orderId,
    `Order ${tail(orderId)}`,
    element("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    ...(note ? [element("p", { class: "note" }, note)] : []),
    element("ol", { class: "steps" }, ...steps.map(step)),
  );
}

function step({ at, sinceMs, who, kind, what, fields }) {
  const since = sinceMs === null || sinceMs === undefined ? "" : `+${sinceMs < 1 ? "0 ms" : duration(sinceMs / 1000)}`;
  return element(
    "li",
    { "data-kind": kind },
    element("time", { datetime: at, title: at }, since),
    element("p", {}, element("strong", {}, what), " ", element("span", { class: "who" }, who)),
    element("p", { class: "fields" }, ...fields.map(({ name, value }) => element("span", {}, `${name} `, element("code", {}, value)))),
  );
}
