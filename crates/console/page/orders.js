// The latest orders, in the API's words.

import { busy, post } from "./ask.js";
import { byId, element, keep, mark, write } from "./dom.js";
import { ago, amount, duration, tail } from "./figures.js";
import { follow } from "./news.js";
import { say } from "./said.js";
import { tellStory } from "./story.js";

/** Where nothing moves, the orders are asked for every five seconds. */
const OLD_MS = 8000;

export function orders() {
  const rows = byId("orders-rows");
  return ({ orders, at }) => {
    keep(rows, orders.latest, {
      key: ({ orderId }) => orderId,
      make,
      update: (row, order) => update(row, order, at),
      gone: () => true, // A row that somebody is in stays until they leave it.
    });
    byId("orders-none").hidden = orders.latest.length > 0;
    const old = orders.asOf && Date.parse(at) - Date.parse(orders.asOf) > OLD_MS ? `as of ${ago(orders.asOf, at)}` : "";
    write(byId("orders-note"), [orders.problem, old].filter(Boolean).join(", "));
    byId("orders-note").dataset.tone = orders.problem ? "bad" : "plain";
  };
}

function make({ orderId }) {
  const name = `order-${orderId}`;
  const open = element("button", { type: "button", class: "link mono", id: name, title: orderId }, tail(orderId));
  open.addEventListener("click", () => tellStory(orderId));
  const cancel = element("button", { type: "button", "aria-describedby": name }, "Cancel");
  cancel.addEventListener("click", () =>
    busy(cancel, async () => {
      const { status } = await post(`./orders/${encodeURIComponent(orderId)}/cancel`);
      follow(orderId, "PAID");
      say(`Order ${tail(orderId)} is ${status}`);
    }, say),
  );
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, open, element("span", { class: "brief" })),
    element("td", { class: "number wide" }),
    element("td", {}, element("span", { class: "status" })),
    element("td", { class: "number wide" }),
    element("td", { class: "number wide" }),
    element("td", { class: "act" }, cancel),
  );
}

function update(row, order, now) {
  const [id, total, status, took, placed, act] = row.children;
  write(total, amount(order.total, order.currency));
  write(status.firstElementChild, order.status);
  mark(status.firstElementChild, "data-word", order.status);
  status.firstElementChild.toggleAttribute("data-dead", order.deadLetter !== null);
  mark(status.firstElementChild, "title", order.deadLetter ? `its message is in ${order.deadLetter.queue}` : "");
  write(took, order.tookMs === null ? (order.deadLetter ? "dead letter" : "under way") : duration(order.tookMs / 1000));
  write(id.lastElementChild, `${total.textContent}, ${took.textContent}`); // Where there is no room for their columns.
  write(placed, ago(order.createdAt, now));
  const cancel = act.firstElementChild;
  if (!order.cancellable && cancel === document.activeElement) row.querySelector("button").focus();
  cancel.hidden = !order.cancellable;
}
