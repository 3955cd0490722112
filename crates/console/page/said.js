// What happened, in sentences: the newest one over the page for a moment, all of them in their own list. That list is also
// what a screen reader is told.

import { byId, element, write } from "./dom.js";

const KEPT = 20;
const SHOWN_MS = 6000;

let fading;

/** `tone`: `good`, `bad` or none. */
export function say(text, tone = "plain") {
  const list = byId("said");
  const time = element("time", {}, new Date().toLocaleTimeString("en-GB"));
  list.prepend(element("p", { "data-tone": tone }, time, element("span", {}, text)));
  while (list.children.length > KEPT) list.lastElementChild.remove();

  const toast = byId("toast");
  write(toast, text);
  toast.dataset.tone = tone;
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (toast.hidden = true), SHOWN_MS);
}
