import assert from "node:assert/strict";
import { call, open, signIn } from "./tabs.mjs";

export default {
  "no page script finds a token, wherever it looks": async (t) => {
    const person = await t.person();
    const tokens = []; // every token that was on the wire
    person.on("request", async (r) => {
      const sent = (await r.allHeaders()).authorization;
      if (sent) tokens.push(sent.replace("Bearer ", ""));
    });
    person.on("response", async (r) => {
      if (/login|reissue/.test(r.url())) tokens.push(...((await r.text().catch(() => "")).match(/eyJ[\w.-]+/g) ?? []));
    });
    const spy = await open(t, person);
    await spy.evaluate((name) => {
      window.overheard = [];
      new BroadcastChannel(name).onmessage = (e) => overheard.push(JSON.stringify(e.data));
      addEventListener("message", (e) => overheard.push(JSON.stringify(e.data)));
      addEventListener("storage", (e) => overheard.push(e.newValue));
    }, "pawl " + t.input.url);
    const page = await open(t, person);
    await signIn(page);
    assert.equal(await call(page), 200);
    await t.call("advance", 2400);
    assert.equal(await call(page), 200); // after a 401 and a reissue
    // The guard there hears Pawl's new time within a heartbeat.
    await t.until("the API elsewhere answers", async () => (await call(page, t.input.orders + "/orders")) === 200);
    await page.reload();
    await page.evaluate(() => pawl.ready.then(() => {}));
    await t.call("drop", { path: "/orders", times: 1 });
    await page.evaluate(() => {
      window.failures = [];
      const keep = (e) => failures.push([e, e.stack, e.message, e.cause, JSON.stringify(e)]);
      return Promise.all([
        pawl.fetch("/orders", { signal: AbortSignal.abort() }).catch(keep),
        pawl.fetch("/orders").catch(keep),
        pawl.login("anna", "wrong").catch(keep),
      ]);
    });
    const seen = await page.evaluate(look);
    await t.until("the spy has heard of the sign-in", () => spy.evaluate(() => overheard.length > 0));
    seen.overheard = await spy.evaluate(() => overheard);
    seen.console = [page, spy].flatMap((p) => [...p.log.console, ...p.log.errors]);
    seen.urls = [page, spy].flatMap((p) => p.log.urls);

    assert.ok(tokens.length > 5, "there were tokens to be found");
    const text = JSON.stringify(seen);
    assert.ok(text.length > 5_000 && seen.databases.length > 0, "it looked");
    assert.doesNotMatch(text, /eyJ[\w-]+\.eyJ/, "something of a token's form");
    for (const token of new Set(tokens)) {
      assert.ok(!text.includes(token.split(".")[2]), "a signature");
    }
    for (const p of [page, spy]) assert.deepEqual(p.log.csp, []);
  },
};

// look gathers every string that a script can reach in the page: storage, URLs,
// history, what the browser measured, the document, and all that hangs on window.
async function look() {
  const reached = new Set(), strings = new Set();
  const visit = (value) => {
    if (typeof value === "string") return strings.add(value);
    if (value === null || (typeof value !== "object" && typeof value !== "function") || reached.has(value)) return;
    reached.add(value);
    if (reached.size > 200_000) return;
    if (value instanceof Map || value instanceof Set) for (const entry of value) visit(entry);
    if (typeof value === "function") strings.add(Function.prototype.toString.call(value));
    for (let o = value; o; o = Object.getPrototypeOf(o)) {
      for (const key of Reflect.ownKeys(o)) {
        try {
          visit(value[key]);
        } catch {} // a getter that does not like to be asked
      }
    }
  };
  visit(window);
  const storage = (s) => Object.fromEntries(Object.entries(s));
  const all = (request) => new Promise((ok, fail) => ((request.onsuccess = () => ok(request.result)), (request.onerror = fail)));
  const databases = [];
  for (const { name } of await indexedDB.databases()) {
    const db = await all(indexedDB.open(name));
    for (const store of db.objectStoreNames) databases.push({ name, store, all: await all(db.transaction(store).objectStore(store).getAll()) });
    db.close();
  }
  const caches_ = await caches.keys();
  return {
    local: storage(localStorage), session: storage(sessionStorage), databases, caches: caches_,
    cookie: document.cookie, url: location.href, state: history.state, name: window.name,
    entries: performance.getEntries().map((e) => e.toJSON()),
    html: document.documentElement.outerHTML, objects: reached.size, strings: [...strings].slice(0, 50_000),
  };
}
