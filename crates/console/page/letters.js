// Dead letters: why each is one, and what can be done about it.

import { busy, get, post } from "./ask.js";
import { byId, element, keep, write } from "./dom.js";
import { ago, count, tail } from "./figures.js";
import { purge } from "./purge.js";
import { say } from "./said.js";
import { openSheet } from "./sheet.js";

const path = (queue, messageId) => `./dead-letters/${encodeURIComponent(queue)}/${encodeURIComponent(messageId)}`;

export function letters() {
  const look = byId("look");
  look.addEventListener("click", () =>
    busy(look, async () => {
      await post("./dead-letters/look");
      say("The dead-letter queues are being read again");
    }, say),
  );
  return ({ deadLetters, at }) => {
    const note = byId("letters-note");
    const read = deadLetters.asOf ? `read ${ago(deadLetters.asOf, at)}` : "not read yet";
    write(note, [deadLetters.problem, read].filter(Boolean).join(", "));
    note.dataset.tone = deadLetters.problem ? "bad" : "plain";
    keep(byId("letters-queues"), deadLetters.queues, {
      key: ({ source }) => source,
      make: box,
      update: (node, queue) => fill(node, queue, at),
    });
  };
}

function box({ source }) {
  const name = `letters-of-${source}`;
  const ask = element("button", { type: "button", class: "danger", "aria-describedby": name }, "Purge");
  const list = element("ul", { class: "letters" });
  const node = element(
    "section",
    { class: "box", "aria-labelledby": name },
    element("div", { class: "head" }, element("h3", { id: name }), element("p", { class: "note" }), ask),
    list,
  );
  ask.addEventListener("click", () => purge(node.dataset.queue));
  return node;
}

/** What the queue of dead letters is called is known once SQS has been asked. */
function fill(node, { queue, source, count: there, more, letters }, now) {
  const [head, list] = node.children;
  const [name, note, ask] = head.children;
  if (queue) node.dataset.queue = queue;
  write(name, queue ?? `Dead letters of ${source}`);
  const empty = letters.length === 0 && !there;
  write(note, empty ? (there === null ? "not counted yet" : "none") : `${count(there)}${more ? ", the first are shown" : ""}`);
  if (empty && ask === document.activeElement) byId("letters-title").focus();
  ask.hidden = empty;
  keep(list, letters, {
    key: ({ messageId }) => messageId,
    make: (letter) => row(queue, letter),
    update: (item, letter) => age(item, letter, now),
    gone: () => (byId("letters-title").focus(), false),
  });
}

function row(queue, { messageId, orderId, type, kind, reason, excerpt }) {
  const name = `letter-${messageId}`;
  const show = element("button", { type: "button", "aria-describedby": name }, "Show");
  const back = element("button", { type: "button", "aria-describedby": name }, "Send back");
  show.addEventListener("click", () => busy(show, async () => present(queue, await get(path(queue, messageId))), say));
  back.addEventListener("click", () =>
    busy(back, async () => {
      await post(`${path(queue, messageId)}/send-back`);
      say(`The dead letter ${orderId ? `of order ${tail(orderId)} ` : ""}is back in its queue`, "good");
    }, say),
  );
  return element(
    "li",
    {},
    element("p", { class: "reason", id: name }, element("span", { class: "status", "data-word": "dead" }, kind ?? "unknown"), " ", reason ?? "no reason was given"),
    element("p", { class: "more" }, type ?? "no known type", " ", orderId ? element("code", { title: orderId }, tail(orderId)) : "", " ", element("span", {})),
    element("p", { class: "excerpt" }, element("code", {}, excerpt ?? "")),
    element("div", { class: "acts" }, show, back),
  );
}

function age(item, { sentAt, receiveCount }, now) {
  const received = receiveCount === null || receiveCount === undefined ? "" : `, received ${receiveCount === 1 ? "once" : `${count(receiveCount)} times`}`;
  write(item.querySelector(".more > span"), `sent ${sentAt ? ago(sentAt, now) : "at an unknown time"}${received}`);
}

/** The whole letter, as text. */
function present(queue, letter) {
  const attributes = letter.attributes ?? [];
  openSheet(
    letter.messageId,
    `Dead letter in ${queue}`,
    element(
      "dl",
      { class: "facts" },
      ...[
        ["Reason", letter.reason ?? "none was given"],
        ["Failure", letter.kind ?? "unknown"],
        ["Order", letter.orderId ?? "unknown"],
        ["Type", letter.type ?? "unknown"],
        ["Message", letter.messageId],
        ["Sent", letter.sentAt ?? "unknown"],
        ["Receives", count(letter.receiveCount)],
      ].flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    ),
    element("h3", {}, "Attributes"),
    attributes.length
      ? element("dl", { class: "facts" }, ...attributes.flatMap(({ name, value }) => [element("dt", {}, name), element("dd", {}, value)]))
      : element("p", { class: "note" }, "none"),
    element("h3", { id: "letter-body" }, "Body"),
    element("pre", { tabindex: "0", role: "region", "aria-labelledby": "letter-body" }, readable(letter.body ?? "")),
  );
}

/** JSON with its lines, where nothing but spaces is changed by it; anything else as it is. */
function readable(body) {
  try {
    const parsed = JSON.parse(body);
    return JSON.stringify(parsed) === body ? JSON.stringify(parsed, null, 2) : body;
  } catch {
    return body;
  }
}
