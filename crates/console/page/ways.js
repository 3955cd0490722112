// The lines between the places, drawn from where the style sheet has put these.

import { drawing } from "./dom.js";

const BEND = 10;
const TIP = 7;

/** From, to; in the order in which a message goes. */
const WAYS = [
  ["client", "order-service"],
  ["order-service", "orders-outbox"],
  ["orders-outbox", "orders"],
  ["orders", "payment-service"],
  ["orders", "orders-dlq"],
  ["payment-service", "provider"],
  ["payment-service", "payments-outbox"],
  ["payments-outbox", "payments"],
  ["payments", "results"],
  ["payments", "payments-dlq"],
  ["results", "order-service"],
];

/** `draw()` follows the layout; `lines` has each way by `from>to`. */
export function ways(svg, places) {
  const lines = new Map();
  for (const [from, to] of WAYS) {
    const line = drawing("path", { class: "way", "data-to": to });
    const tip = drawing("path", { class: "tip", d: `M${-TIP},${-TIP / 1.4}L0,0L${-TIP},${TIP / 1.4}` });
    const pulse = drawing("path", { class: "pulse" });
    svg.append(line, pulse, tip);
    lines.set(`${from}>${to}`, { line, pulse, tip, from, to, d: "" });
  }
  let moved = true;
  new ResizeObserver(() => {
    moved = true;
    drawn.draw();
  }).observe(places);
  const drawn = {
    lines,
    draw() {
      if (!moved || places.children.length === 0) return;
      moved = false;
      const origin = places.getBoundingClientRect();
      const spots = new Map([...places.children].map((spot) => [spot.dataset.place, box(spot, origin)]));
      const narrow = getComputedStyle(places).getPropertyValue("--narrow").trim() === "1";
      for (const way of lines.values()) {
        const a = spots.get(way.from);
        const b = spots.get(way.to);
        if (a && b) lay(way, route(a, b, narrow));
      }
    },
  };
  return drawn;
}

function box(spot, origin) {
  const { left, top, width, height } = spot.getBoundingClientRect();
  const x = left - origin.left;
  const y = top - origin.top;
  return { left: x, right: x + width, top: y, bottom: y + height, x: x + width / 2, y: y + height / 2 };
}

/** The corners of a way from box to box. */
function route(a, b, narrow) {
  const besides = a.top < b.bottom && b.top < a.bottom;
  const above = a.left < b.right && b.left < a.right;
  if (besides) {
    const y = (Math.max(a.top, b.top) + Math.min(a.bottom, b.bottom)) / 2;
    return a.x < b.x ? [[a.right, y], [b.left, y]] : [[a.left, y], [b.right, y]];
  }
  if (above && narrow && b.top - a.bottom > a.bottom - a.top) {
    // Others stand between: around them, on the outer side.
    const outwards = a.left < 60 ? -BEND : BEND;
    const side = outwards < 0 ? "left" : "right";
    return [[a[side], a.y], [a[side] + outwards, a.y], [b[side] + outwards, b.y], [b[side], b.y]];
  }
  if (above) return a.y < b.y ? [[a.x, a.bottom], [a.x, b.top]] : [[a.x, a.top], [a.x, b.bottom]];
  if (narrow) return [[a.x < b.x ? a.right : a.left, a.y], [b.x, a.y], [b.x, a.y < b.y ? b.top : b.bottom]];
  return [[a.x, a.y < b.y ? a.bottom : a.top], [a.x, b.y], [a.x < b.x ? b.left : b.right, b.y]];
}

function lay(way, corners) {
  const [[x, y]] = corners;
  let d = `M${x},${y}`;
  for (let i = 1; i < corners.length - 1; i++) {
    const [before, corner, after] = [corners[i - 1], corners[i], corners[i + 1]];
    d += `L${towards(corner, before)}Q${corner} ${towards(corner, after)}`;
  }
  const [beforeLast, last] = corners.slice(-2);
  const angle = (Math.atan2(last[1] - beforeLast[1], last[0] - beforeLast[0]) * 180) / Math.PI;
  way.d = `${d}L${last}`;
  way.line.setAttribute("d", way.d);
  way.pulse.setAttribute("d", way.d);
  way.tip.setAttribute("transform", `translate(${last}) rotate(${angle})`);
}

function towards([x, y], [toX, toY]) {
  const far = Math.hypot(toX - x, toY - y);
  const step = far === 0 ? 0 : Math.min(BEND, far / 2) / far;
  return [x + (toX - x) * step, y + (toY - y) * step];
}
