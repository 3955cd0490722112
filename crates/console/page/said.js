// One line at the foot of the page says what happened; it is also what a screen reader is told.

import { byId, element, write } from "./dom.js";

const KEPT = 40;

/** `tone`: `good`, `bad` or none. */
export function say(text, tone = "plain") {
  const list = byId("said");
  const time = element("time", {}, new Date().toLocaleTimeString("en-GB"));
  list.append(element("p", { "data-tone": tone }, time, element("span", {}, text)));
  while (list.children.length > KEPT) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

export function openHistory() {
  const more = byId("said-more");
  more.addEventListener("click", () => {
    const open = more.getAttribute("aria-expanded") !== "true";
    more.setAttribute("aria-expanded", open);
    byId("said").tabIndex = open ? 0 : -1; // It scrolls then.
    write(more, open ? "Less" : "Lately");
    byId("said").scrollTop = byId("said").scrollHeight;
  });
}
