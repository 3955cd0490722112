// Messages on the ways. Few: each one is a dot. Many: the way itself flows, wider and faster the more pass per second.
// Both say only what was counted since the last state.

import { drawing, mark } from "./dom.js";

const STATE_MS = 500;
const TRAVEL_MS = 700;
/** From so many a second on, dots would run into each other. */
const FLOWS_FROM = 16;
const DOTS_AT_ONCE = 90;

const still = matchMedia("(prefers-reduced-motion: reduce)");

export function traffic(svg, { lines }) {
  let dots = 0;

  function send(d, delay) {
    const dot = drawing("circle", { class: "dot", r: 4.5 });
    dot.style.offsetPath = `path("${d}")`;
    svg.append(dot);
    dots++;
    const going = dot.animate(
      [
        { offsetDistance: "0%", opacity: 0 },
        { opacity: 1, offset: 0.12 },
        { opacity: 1, offset: 0.88 },
        { offsetDistance: "100%", opacity: 0 },
      ],
      { duration: TRAVEL_MS, delay, easing: "ease-in-out", fill: "backwards" },
    );
    going.onfinish = () => {
      dot.remove();
      dots--;
    };
  }

  return (moves) => {
    for (const { from, to, count, perSecond } of moves) {
      const way = lines.get(`${from}>${to}`);
      if (!way) continue;
      const many = perSecond >= FLOWS_FROM;
      for (const part of [way.line, way.pulse, way.tip]) mark(part, "data-flow", String(width(perSecond)));
      if (many || still.matches || document.hidden) continue;
      const seen = Math.min(count, DOTS_AT_ONCE - dots);
      for (let i = 0; i < seen; i++) send(way.d, (i * STATE_MS) / seen);
    }
  };
}

/** 0: nothing passes. 1: single messages. 2, 3, 4: tens, hundreds, thousands a second. */
function width(perSecond) {
  if (!perSecond) return 0;
  if (perSecond < FLOWS_FROM) return 1;
  return perSecond < 100 ? 2 : perSecond < 1000 ? 3 : 4;
}
