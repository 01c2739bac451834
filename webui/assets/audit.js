// The audit log, the newest first.
import { byId, joined, keys, kind, list, made, number, reason, resting, say, time } from "./dom.js";
import { call, trying } from "./session.js";

const pages = 10; // that are read at most, of 200 entries each
const shown = 300; // entries that are listed at most

function entryRow(e) {
  return made("entry", {
    what: joined(kind(e.kind), e.kind !== "reused" && reason(e.reason), e.row && "row " + e.row),
    who: joined(e.login || e.user, e.object, e.key, e.by, e.why),
    where: joined(e.agent, e.address),
    when: time(e.at),
  });
}

/** The log gives the oldest first: it is read to its end, page by page. */
async function read(q) {
  const all = [];
  for (let i = 0; i < pages; i++) {
    const page = await call("GET", "/admin/api/audit?" + q);
    all.push(...page.entries);
    if (!page.more) return { all, whole: true };
    q.set("after", page.next);
  }
  return { all, whole: false };
}

async function show() {
  const q = new URLSearchParams({ limit: 200, from: new Date(Date.now() - Number(byId("audit-span").value) * 3_600_000).toISOString() });
  if (byId("audit-kind").value) q.set("kind", byId("audit-kind").value);
  if (byId("audit-user").value.trim()) q.set("user", byId("audit-user").value.trim());
  const { all, whole } = await read(q);
  const rows = all.reverse().slice(0, shown);
  list("audit", rows.map(entryRow));
  const key = rows.length === 0 ? "no-entries" : whole && rows.length === all.length ? "entries" : "entries-more";
  byId("audit-count").textContent = say(key, { n: number(rows.length) });
}

let ready = false;
export async function audit() {
  if (!ready) {
    ready = true;
    for (const key of keys("kind.")) byId("audit-kind").add(new Option(say(key), key.slice("kind.".length)));
    byId("filter").addEventListener("submit", (e) => {
      e.preventDefault();
      void trying(() => resting(byId("filter").querySelector(".primary"), show));
    });
  }
  await show();
}
