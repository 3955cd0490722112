// What can be taken away and given back, where the console runs beside the parts it shows.

import { busy, post } from "./ask.js";
import { byId, element, keep, mark, write } from "./dom.js";
import { say } from "./said.js";

export function switches() {
  const all = byId("switches");
  return (state) => {
    all.hidden = state.switches.length === 0;
    keep(all, state.switches, { key: ({ id }) => id, make, update });
  };
}

function make({ id }) {
  const words = element("span", { class: "words", id: `switch-${id}-words` });
  const knob = element("span", { class: "knob", "aria-hidden": "true" });
  const toggle = element("button", { type: "button", role: "switch", "aria-describedby": words.id }, knob, element("span", {}));
  const node = element("div", { class: "switch", "data-id": id }, toggle, words);
  toggle.addEventListener("click", () =>
    busy(toggle, async () => {
      const on = toggle.getAttribute("aria-checked") !== "true";
      await post(`./switches/${encodeURIComponent(id)}`, { on });
      mark(toggle, "aria-checked", String(on));
      const { says, offsays } = node.dataset;
      say(`${toggle.textContent} is ${on ? "on" : "off"}: ${on ? says : offsays}`);
    }, say),
  );
  return node;
}

/** `says` and `offSays` are both kept, for the sentence that is told at once. */
function update(node, { label, on, says, offSays }) {
  const [toggle, words] = node.children;
  node.dataset.says = says;
  node.dataset.offsays = offSays;
  mark(toggle, "aria-checked", String(on));
  write(toggle.lastElementChild, label);
  write(words, on ? says : offSays);
}
