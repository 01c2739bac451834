// What this node does, live.
import { byId, list, say, sentence, time } from "./dom.js";
import { bars, line } from "./chart.js";
import { call } from "./session.js";

const [span, step] = [180, 5]; // minutes in all, and of a bar

/** The counts as columns of five minutes, the last one being now. */
function columns(activity) {
  const last = Math.floor(Date.parse(activity.now) / 60_000);
  const at = (m) => Math.floor((span - 1 - (last - Math.floor(Date.parse(m.at) / 60_000))) / step);
  return (key) => {
    const out = Array(span / step).fill(0);
    for (const m of activity.minutes) if (at(m) >= 0) out[at(m)] += m[key];
    return out;
  };
}

function live(activity) {
  const last = Math.floor(Date.parse(activity.now) / 60_000);
  const out = Array(span).fill(undefined);
  for (const m of activity.minutes) {
    const i = span - 1 - (last - Math.floor(Date.parse(m.at) / 60_000));
    if (i >= 0) out[i] = m.liveSessions;
  }
  return out;
}

export async function overview() {
  const activity = await call("GET", "/admin/api/activity");
  const of = columns(activity);
  byId("overview-since").replaceChildren(...sentence("overview-since", { time: time(activity.since) }));
  list("charts", [
    bars(say("chart-sign-ins"), [
      { colour: "a", legend: "legend-ok", values: of("signIns") },
      { colour: "d", legend: "legend-failed", values: of("signInsFailed"), beside: true },
    ]),
    bars(say("chart-reissues"), [
      { colour: "a", legend: "legend-row5", values: of("row5") },
      { colour: "b", legend: "legend-row4", values: of("row4") },
      { colour: "c", legend: "legend-row6", values: of("row6") },
      { colour: "d", legend: "legend-refused", values: of("refused"), beside: true },
    ]),
    bars(say("chart-reused"), [
      { colour: "d", legend: "legend-reused", values: of("reused") },
      { legend: "legend-ended", values: of("ended"), beside: true },
    ]),
    line(say("chart-live"), live(activity), say("legend-live")),
  ]);
}
