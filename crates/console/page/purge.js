// Nothing is purged without a question.

import { busy, post } from "./ask.js";
import { byId, write } from "./dom.js";
import { say } from "./said.js";

let asked = null;

/** Asks about `queue`; afterwards the focus is where it was. */
export function purge(queue) {
  asked = queue;
  write(byId("question-title"), `Purge ${queue}?`);
  write(byId("question-words"), `All dead letters in ${queue} are deleted for good, also those that are not shown. Nobody will be told of what they say.`);
  byId("question").showModal();
  byId("question-no").focus();
}

const yes = byId("question-yes");
byId("question-no").addEventListener("click", () => byId("question").close());
yes.addEventListener("click", () =>
  busy(yes, async () => {
    const queue = asked;
    byId("question").close();
    await post(`./dead-letters/${encodeURIComponent(queue)}/purge`, { yes: true });
    say(`${queue} is purged`, "good");
  }, say),
);
