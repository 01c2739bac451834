import assert from "node:assert/strict";
import { broken, minute, problem, signedIn, within } from "./world.mjs";

const orders = "https://pawl.test/orders";

// A page of the test's own, of which Node has none.
const page = new EventTarget();
globalThis.document = Object.assign(new EventTarget(), { hidden: false });
globalThis.addEventListener = page.addEventListener.bind(page);

function look(hidden) {
  document.hidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

const asked = (w) => w.sent("/api/reissue").length;

// inPage runs a test in a page that is seen at first.
const inPage = (name, f) =>
  within(name, async (w) => {
    document.hidden = false;
    await f(w);
  });

inPage("a tab that nobody sees or uses does nothing, until it is seen", async (w) => {
  await signedIn(w);
  const n = asked(w);
  look(true);
  await w.pass(5 * 60 * minute);
  assert.equal(asked(w), n);
  look(false);
  await w.settle();
  assert.equal(asked(w), n + 1);
});

inPage("nor does it follow another tab, until it is used", async (w) => {
  const tab = await signedIn(w);
  look(true);
  const n = asked(w);
  await w.pass(29 * minute + 59_000);
  for (const c of w.channels) c.onmessage({ data: { turned: true } });
  await w.settle();
  assert.equal(asked(w), n);
  await tab.fetch(orders);
  await w.settle();
  assert.equal(asked(w), n + 1);
});

inPage("a tab that is used keeps itself fresh, seen or not", async (w) => {
  const tab = await signedIn(w);
  look(true);
  await tab.fetch(orders);
  const n = asked(w);
  await w.pass(31 * minute);
  assert.equal(asked(w), n + 1);
});

inPage("a page that comes out of the back/forward cache asks, and hears again", async (w) => {
  const tab = await signedIn(w);
  page.dispatchEvent(new Event("pagehide"));
  assert.equal(w.channels.size, 0, "an open channel can keep a page out of the cache");
  w.on("/api/reissue", problem(401, "login_required", "signed_out"));
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  assert.equal(w.channels.size, 1);
  await w.settle();
  assert.equal(tab.session, null);
  assert.equal(tab.reason, "signed_out");
});

inPage("a page that is shown for the first time does not ask twice", async (w) => {
  await signedIn(w);
  const n = asked(w);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
  await w.settle();
  assert.equal(asked(w), n);
});

inPage("with the network comes the next try, but not before Pawl wants it", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/reissue", broken, Infinity);
  await w.pass(60 * minute);
  w.answers = [];
  const n = asked(w);
  page.dispatchEvent(new Event("online"));
  await w.settle();
  assert.equal(asked(w), n + 1);
  w.on("/api/reissue", problem(503, "unavailable", undefined, { "Retry-After": "1000" }));
  await w.pass(30 * minute);
  const m = asked(w);
  assert.equal(m, n + 2);
  page.dispatchEvent(new Event("online"));
  await w.settle();
  assert.equal(asked(w), m);
  assert.equal(tab.session.sub, "anna");
});

inPage("a client that is closed does nothing any more", async (w) => {
  const tab = await signedIn(w);
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = () => ok(w.tokens()))));
  await w.pass(30 * minute);
  tab.close();
  answer(); // to what was under way
  await w.settle();
  const n = asked(w);
  look(false);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await w.pass(60 * minute);
  assert.equal(asked(w), n);
});
