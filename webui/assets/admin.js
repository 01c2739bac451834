// The administration: one part is shown at a time, named by what stands behind #.
import { audit } from "./audit.js";
import { byId, say } from "./dom.js";
import { clients, feed, keys } from "./lists.js";
import { overview } from "./overview.js";
import { call, often, start, trying } from "./session.js";
import { users } from "./users.js";

const parts = { overview, users, audit, keys, feed, clients };
const live = new Set(["overview", "feed"]); // those that change by themselves

const now = () => (Object.hasOwn(parts, location.hash.slice(1)) ? location.hash.slice(1) : "overview");

async function show(moved) {
  const part = now();
  for (const name of Object.keys(parts)) {
    byId("part-" + name).hidden = name !== part;
    document.querySelector(`.tabs a[href="#${name}"]`).toggleAttribute("aria-current", false);
  }
  document.querySelector(`.tabs a[href="#${part}"]`).setAttribute("aria-current", "true");
  if (moved) byId(part + "-title").focus();
  await parts[part]();
}

await start(async (session) => {
  if (!session.roles?.includes("admin")) {
    const p = document.createElement("p");
    p.className = "notice";
    p.textContent = say("no-admin");
    byId("main").replaceChildren(p);
    return;
  }
  addEventListener("hashchange", () => trying(() => show(true)));
  await show(false);
  often(5, async () => (live.has(now()) ? parts[now()]() : call("GET", "/api/session")));
});
