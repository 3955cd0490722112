// One thing looked at closely, beside the page. Escape or "Close" leads back to where one was.

import { byId, write } from "./dom.js";

let shown = null;

export function openSheet(what, title, ...content) {
  const sheet = byId("sheet");
  shown = what;
  write(byId("sheet-title"), title);
  byId("sheet-body").replaceChildren(...content);
  if (!sheet.open) {
    sheet.showModal();
    byId("sheet-title").focus();
  }
}

/** Whether `what` is still what is looked at: an answer may come after the sheet was closed. */
export const isShown = (what) => shown === what && byId("sheet").open;

byId("sheet-close").addEventListener("click", () => byId("sheet").close());
byId("sheet").addEventListener("click", (event) => {
  if (event.target === byId("sheet")) byId("sheet").close();
});
