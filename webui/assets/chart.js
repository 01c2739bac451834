// Small charts in SVG: stacked bars and a line. Their figures stand beside them
// as text: the picture is never the only way to know.
import { made, number, say, slot } from "./dom.js";

const [width, height, top] = [360, 96, 6];
const svg = (name, attributes) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};

function frame(title, total, legend, summary) {
  const figure = made("chart", { title, total, legend: legend.map(legendItem) });
  slot(figure, "from").append(say("axis-from"));
  slot(figure, "to").append(say("axis-to"));
  const picture = figure.querySelector("svg");
  picture.setAttribute("aria-label", summary);
  picture.append(svg("line", { class: "base", x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }));
  return [figure, picture];
}

function legendItem([colour, text]) {
  const li = document.createElement("li");
  if (colour) {
    const i = document.createElement("i");
    i.className = colour;
    li.append(i);
  }
  li.append(text);
  return li;
}

/**
 * Stacked bars. series: [{colour, legend, values, beside}], all of one length; legend
 * is the key of its words; what is beside is not in the total, and what has no
 * colour is told only.
 */
export function bars(title, series) {
  const sums = series.map((s) => s.values.reduce((a, b) => a + b, 0));
  const total = number(series.reduce((n, s, i) => n + (s.beside ? 0 : sums[i]), 0));
  const legend = series.map((s, i) => [s.colour, say(s.legend, { n: number(sums[i]) })]);
  const summary = say("chart-summary", { title, total, parts: legend.map(([, text]) => text).join(", ") });
  const [figure, picture] = frame(title, total, legend, summary);
  const drawn = series.filter((s) => s.colour);
  const columns = series[0].values.length;
  const most = Math.max(1, ...series[0].values.map((_, i) => drawn.reduce((n, s) => n + s.values[i], 0)));
  const step = width / columns;
  for (let i = 0; i < columns; i++) {
    let y = height - 1;
    for (const s of drawn) {
      const h = (s.values[i] / most) * (height - top);
      if (h > 0) picture.append(svg("rect", { class: s.colour, x: i * step + step * 0.1, width: step * 0.8, y: y - h, height: h }));
      y -= h;
    }
  }
  return figure;
}

/** A line through what is known; undefined is a gap. */
export function line(title, values, legend) {
  const known = values.filter((v) => v !== undefined);
  const total = known.length ? number(known.at(-1)) : "–";
  const [figure, picture] = frame(title, total, [["a", legend]], say("chart-live-summary", { total }));
  const most = Math.max(1, ...known);
  const points = values.flatMap((v, i) => (v === undefined ? [] : [[(i * width) / (values.length - 1), height - 2 - (v / most) * (height - top - 4)]]));
  if (points.length === 1) points.unshift([Math.max(0, points[0][0] - 6), points[0][1]]);
  picture.append(svg("polyline", { class: "line", points: points.map((p) => p.join(",")).join(" ") }));
  return figure;
}
