// Orders are placed from here: one of each kind, or a thousand.

import { busy, post } from "./ask.js";
import { byId, element, keep, write } from "./dom.js";
import { amount, count, tail } from "./figures.js";
import { follow } from "./news.js";
import { say } from "./said.js";

export function place() {
  const kind = byId("kind");
  const one = byId("place");
  const many = byId("thousand");
  one.addEventListener("click", () =>
    busy(one, async () => {
      const { orderId, total, currency, status } = await post("./orders", { kind: kind.value });
      follow(orderId);
      say(`Order ${tail(orderId)} of ${amount(total, currency)} is placed: ${status}`);
    }, say),
  );
  many.addEventListener("click", () =>
    busy(many, async () => {
      const { orders } = await post("./orders/thousand");
      say(`${count(orders)} orders are being placed`);
    }, say),
  );
  return ({ kinds, thousand }) => {
    keep(kind, kinds, {
      key: ({ id }) => id,
      make: ({ id }) => element("option", { value: id }),
      update: (option, { cents, does, end }) => write(option, `${cents} ${does} → ${end}`),
    });
    const running = thousand?.running ?? false;
    byId("progress").hidden = !running;
    if (!running) return;
    byId("progress-bar").max = thousand.orders;
    byId("progress-bar").value = thousand.placed + thousand.refused;
    write(byId("progress-words"), `${count(thousand.placed)} of ${count(thousand.orders)} placed`);
  };
}
