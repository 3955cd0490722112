// Five minutes, drawn small. A gap in a line is a time that nobody measured.

import { byId, drawing, element, mark, write } from "./dom.js";
import { count, dollars, duration, rate, share } from "./figures.js";

const WIDTH = 300;
const HEIGHT = 84;

const CHARTS = [
  { title: "Orders per second", written: rate, lines: [["placedPerSecond", "placed", "a"], ["settledPerSecond", "settled", "b"]] },
  { title: "Dwell in the orders queue", written: duration, lines: [["dwellP50", "p50", "a"], ["dwellP99", "p99", "b"]] },
  { title: "SQS requests per order", written: share, lines: [["requestsPerOrder", "over 10 s", "a"]] },
  { title: "Dollars per million orders", written: dollars, times: 1e6, lines: [["dollarsPerOrder", "over 10 s", "a"]] },
];

export function charts() {
  const all = CHARTS.map(chart);
  byId("charts").append(...all.map(({ card }) => card));
  return (state) => {
    for (const { update } of all) update(state.charts);
    const { requests, orders, requestsPerOrder, dollarsPerMillionOrders, pricePerMillionRequests, consoleRequests } = state.cost;
    const words = [
      `Since this console started: ${count(requests)} SQS requests for ${count(orders)} orders`,
      requestsPerOrder === null ? null : `${share(requestsPerOrder)} each, ${dollars(dollarsPerMillionOrders)} per million orders`,
      `at ${dollars(pricePerMillionRequests)} per million requests`,
      `${count(consoleRequests)} requests were this console’s own`,
    ];
    write(byId("cost"), `${words.filter(Boolean).join("; ")}.`);
  };
}

function chart({ title, written, times = 1, lines }) {
  const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: "0" });
  const cursor = drawing("line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
  const drawn = lines.map(([series, name, tone]) => {
    const area = lines.length === 1 || tone === "a" ? drawing("path", { class: `area ${tone}` }) : null;
    const line = drawing("path", { class: `line ${tone}` });
    const value = element("strong", {});
    const key = element("span", { class: `key ${tone}` }, name, " ", value);
    if (area) svg.append(area);
    return { series, name, area, line, value, key };
  });
  svg.append(drawing("line", { class: "ground", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }), ...drawn.map(({ line }) => line), cursor);
  const top = element("span", { class: "top" });
  const from = element("span", {}, "5 min ago");
  const until = element("span", {}, "now");
  const card = element(
    "figure",
    { class: "chart card" },
    element("figcaption", {}, element("h3", {}, title), element("p", { class: "keys" }, ...drawn.map(({ key }) => key))),
    element("div", { class: "plot" }, top, svg),
    element("p", { class: "axis", "aria-hidden": "true" }, from, until),
  );

  let data = null;
  let at = null;
  svg.addEventListener("pointermove", ({ clientX }) => {
    const { left, width } = svg.getBoundingClientRect();
    at = (clientX - left) / width;
    tell();
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!data || !step) return;
    event.preventDefault();
    at = Math.max(0, Math.min(1, (at ?? 1) + step / (data[lines[0][0]].length - 1)));
    tell();
  });
  for (const left of ["pointerleave", "blur"]) {
    svg.addEventListener(left, () => {
      at = null;
      tell();
    });
  }

  /** The newest figures, or those under the pointer or where the arrow keys have led. */
  function tell() {
    if (!data) return;
    const length = data[lines[0][0]].length;
    const index = at === null ? null : Math.max(0, Math.min(length - 1, Math.round(at * (length - 1))));
    for (const { series, value } of drawn) {
      const points = data[series];
      const point = index === null ? points.findLast((p, i) => p !== null && i >= length - 5) ?? null : points[index];
      write(value, written(point === null ? null : point * times));
    }
    const x = ((index ?? 0) / (length - 1)) * WIDTH;
    mark(cursor, "visibility", index === null ? "hidden" : "visible");
    mark(cursor, "x1", String(x));
    mark(cursor, "x2", String(x));
    write(until, index === null ? "now" : `${duration((length - 1 - index) * data.step)} ago`);
    const words = drawn.map(({ name, value }) => `${name} ${value.textContent}`).join(", ");
    mark(svg, "aria-label", `${title}, ${until.textContent}: ${words}; the scale’s end is ${top.textContent}`);
  }

  return {
    card,
    update(fresh) {
      data = fresh;
      const known = lines.flatMap(([series]) => fresh[series]).filter((point) => point !== null);
      const scale = round(Math.max(0, ...known), times);
      write(top, known.length ? written(scale * times) : "nothing measured yet");
      for (const { series, area, line } of drawn) {
        const { stroke, fill } = trace(fresh[series], scale);
        mark(line, "d", stroke);
        if (area) mark(area, "d", fill);
      }
      tell();
    },
  };
}

/** The next 1, 2 or 5 times a power of ten: the scale does not jump with every point. */
function round(most, times) {
  if (most <= 0) return 1 / times;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most * 0.999);
}

function trace(points, most) {
  let stroke = "";
  let fill = "";
  let first = null;
  const ground = HEIGHT - 1;
  const x = (i) => ((i / (points.length - 1)) * WIDTH).toFixed(1);
  points.forEach((point, i) => {
    if (point === null) return;
    const y = (ground - (point / most) * (HEIGHT - 4)).toFixed(1);
    const begins = i === 0 || points[i - 1] === null;
    const ends = i === points.length - 1 || points[i + 1] === null;
    if (begins) first = x(i);
    stroke += `${begins ? "M" : "L"}${x(i)},${y}${begins && ends ? "h0.1" : ""}`;
    fill += `${begins ? `M${first},${ground}` : ""}L${x(i)},${y}${ends ? `L${x(i)},${ground}Z` : ""}`;
  });
  return { stroke, fill };
}
