// What changed from one state to the next and is worth a sentence. Figures that merely move are not.

import { amount, count, duration, tail } from "./figures.js";

const followed = new Map();

/** The end of this order will be told; `before`: the status that it leaves, if that is an end as well. */
export const follow = (orderId, before = null) => followed.set(orderId, before);

/** Sentences `{text, tone}`; none while nothing has changed. */
export function news(before, now) {
  if (!before) return [];
  return [...places(before, now), ...letters(before, now), ...ends(now), ...thousand(before, now)];
}

const list = new Intl.ListFormat("en");

/** Those of which the same is to be said are named together; an outbox is as its service is. */
function places(before, now) {
  const was = new Map(before.places.map((place) => [place.id, place.status]));
  const tells = ({ id, kind, status }) => was.has(id) && was.get(id) !== status && status !== "unknown" && kind !== "outbox";
  const changed = now.places.filter(tells);
  if (changed.length === 0) return [];
  const named = new Map();
  for (const { label, status, words } of changed) {
    const said = `${status}: ${words}`;
    named.set(said, [...(named.get(said) ?? []), label]);
  }
  const sentence = ([said, labels]) => `${list.format(labels)} ${labels.length > 1 ? "are" : "is"} ${said}`;
  return [{ text: [...named].map(sentence).join(". "), tone: changed.every(({ status }) => status === "up") ? "good" : "bad" }];
}

function letters(before, now) {
  if (!before.deadLetters.asOf) return [];
  const known = new Set(before.deadLetters.queues.flatMap(({ letters }) => letters.map(({ messageId }) => messageId)));
  return now.deadLetters.queues.flatMap(({ queue, letters }) => {
    const fresh = letters.filter(({ messageId }) => !known.has(messageId));
    if (fresh.length === 0) return [];
    const text =
      fresh.length === 1
        ? `A dead letter in ${queue}: ${fresh[0].reason}`
        : `${count(fresh.length)} dead letters more in ${queue}`;
    return [{ text, tone: "bad" }];
  });
}

function ends(now) {
  return now.orders.latest
    .filter(({ orderId, status, final }) => final && followed.get(orderId) !== status && followed.delete(orderId))
    .map(({ orderId, status, tookMs, total, currency }) => ({
      text: `Order ${tail(orderId)} of ${amount(total, currency)} is ${status} after ${duration(tookMs === null ? null : tookMs / 1000)}`,
      tone: status === "DECLINED" ? "plain" : "good",
    }));
}

function thousand(before, now) {
  if (!before.thousand?.running || now.thousand?.running || !now.thousand) return [];
  const { placed, orders, refused, refusal } = now.thousand;
  if (refused === 0) return [{ text: `${count(placed)} orders are placed`, tone: "good" }];
  return [{ text: `${count(placed)} of ${count(orders)} orders are placed, ${count(refused)} refused: ${refusal}`, tone: "bad" }];
}
