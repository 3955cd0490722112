// The page: each state goes to every part, and each part shows its own.

import { byId, write } from "./dom.js";
import { clock } from "./figures.js";
import { listen } from "./stream.js";
import { news } from "./news.js";
import { say } from "./said.js";
import { picture } from "./picture.js";
import { charts } from "./charts.js";
import { place } from "./place.js";
import { switches } from "./switches.js";
import { orders } from "./orders.js";
import { letters } from "./letters.js";
import { story } from "./story.js";

const parts = [picture(), charts(), place(), switches(), orders(), letters(), story];
let shown = null;
let latest = null;
let held = false;

listen({ onState, onStream });

const hold = byId("hold");
hold.addEventListener("click", () => {
  held = !held;
  hold.setAttribute("aria-pressed", held);
  sayStream();
  if (!held && latest) show(latest);
});

function onState(state) {
  latest = state;
  if (!held) show(state);
}

function show(state) {
  for (const { text, tone } of news(shown, state)) say(text, tone);
  for (const part of parts) part(state, shown);
  shown = state;
  if (!held) sayStream();
}

function onStream(stream) {
  const had = document.body.dataset.stream;
  document.body.dataset.stream = stream;
  sayStream();
  if (stream === "lost") say("The console’s service does not answer. Trying again", "bad");
  else say(had === "lost" ? "The console’s service is back" : "Connected", "good");
}

/** One word beside the title, and a whole sentence when what is shown is no longer true. */
function sayStream() {
  const { stream } = document.body.dataset;
  const lost = byId("lost");
  lost.hidden = stream !== "lost";
  if (stream === "lost") {
    const since = latest ? ` What is shown is of ${clock(latest.at)}.` : "";
    write(lost, `The console’s service does not answer.${since} This page goes on by itself when it is back.`);
  }
  document.body.toggleAttribute("data-held", held);
  const word = stream === "live" && latest ? `live, ${clock(latest.at)}` : stream;
  write(byId("stream"), held && shown ? `held at ${clock(shown.at)}` : word);
}
