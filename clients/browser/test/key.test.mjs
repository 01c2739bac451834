import assert from "node:assert/strict";
import { keysOf } from "../dist/key.js";
import { broken, minute, problem, signedIn, within } from "./world.mjs";

const keyOf = (r) => r.headers.get("Idempotency-Key");
const orders = "https://pawl.test/orders";

// reissues gives the keys of the reissues since the last call.
function reissues(w) {
  const keys = w.sent("/api/reissue").map(keyOf);
  w.requests.length = 0;
  return keys;
}

within("a key has 160 random bits, and is kept before it is sent", async (w) => {
  const kept = [];
  w.on("/api/reissue", () => (kept.push(structuredClone(w.key)), problem(401, "invalid_token")));
  const tab = w.tab();
  await tab.ready;
  assert.match(kept[0].value, /^[0-9a-f]{40}$/);
  assert.equal(keyOf(w.requests[0]), kept[0].value);
  assert.equal(kept[0].open, w.time);
});

within("every reissue has its own key once a minute has passed", async (w) => {
  await signedIn(w);
  reissues(w);
  for (let i = 0; i < 4; i++) await w.pass(30 * minute);
  const keys = reissues(w);
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 4);
  await w.pass(61_000);
  assert.equal(w.key, undefined, "retired by the page that lived to see it");
});

within("tabs that reissue together share one", async (w) => {
  const tab = await signedIn(w);
  const others = [w.tab(), w.tab(), w.tab()];
  await Promise.all(others.map((o) => o.ready));
  await w.pass(10 * minute);
  reissues(w);
  w.timers = [];
  w.time += 21 * minute;
  await Promise.all([tab, ...others].map((t) => t.fetch(orders)));
  const keys = reissues(w);
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 1);
});

within("every retry repeats it, at any delay", async (w) => {
  const tab = await signedIn(w);
  await w.pass(2 * minute);
  reissues(w);
  w.on("/api/reissue", broken, Infinity);
  await w.pass(30 * minute);
  await w.pass(5 * 60 * minute);
  const lost = reissues(w);
  assert.ok(lost.length > 10);
  w.answers = [];
  await tab.fetch(orders);
  const [last] = reissues(w);
  assert.deepEqual([...new Set(lost)], [last]);
});

within("a page that dies before the answer leaves it to the next", async (w) => {
  const tab = await signedIn(w);
  await w.pass(2 * minute);
  reissues(w);
  w.on("/api/reissue", () => new Promise(() => {}));
  w.time += 31 * minute;
  tab.fetch(orders);
  await w.settle();
  tab.close(); // and with it all its promises
  w.timers = [];
  await w.pass(100 * 60 * minute);
  await w.tab().ready;
  const keys = reissues(w);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
});

within("a browser that dies within a minute after the answer uses it again, over three starts at most", async (w) => {
  let tab = await signedIn(w);
  await w.pass(2 * minute);
  w.time += 31 * minute;
  reissues(w);
  await tab.fetch(orders); // the cookie that it brought is not on disk yet
  const first = reissues(w);
  for (let start = 1; start <= 5; start++) {
    tab.close();
    w.timers = [];
    w.time += 8 * 60 * minute;
    tab = w.tab();
    await tab.ready;
    const [key] = reissues(w);
    assert.equal(key === first[0], start <= 3, `start ${start}`);
    if (start > 3) break;
  }
});

within("a session that is over takes its key along", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/reissue", problem(401, "login_required", "expired"));
  w.time += 31 * minute;
  await tab.fetch(orders).catch(() => {});
  assert.equal(w.key, undefined);
});

within("a store that fails, or hangs, signs nobody out", async (w) => {
  for (const update of [() => Promise.reject(new Error("no")), () => new Promise(() => {})]) {
    const tab = w.tab({ storage: { update } });
    w.user = "anna";
    await w.pass(5_000);
    assert.equal((await tab.ready).sub, "anna");
    reissues(w);
    w.on("/api/reissue", broken);
    await w.pass(31 * minute);
    const keys = reissues(w);
    assert.equal(new Set(keys).size, 1, "in memory it is repeated all the same");
    assert.ok(keys.length >= 2);
    tab.close();
  }
});

// The life of a key where several requests are under way, step by step.
within("a key is not retired while a request with it is under way", async (w) => {
  const keys = keysOf(w.storage, w.clock, w.time);
  const first = await keys.next();
  w.time += 5;
  const second = await keys.next();
  assert.equal(second.key, first.key);
  assert.equal(second.doubt, true);
  w.time += 5;
  await keys.succeeded(first);
  assert.equal(w.key.open, second.sent, "the second is out");
  keys.retireLater(first);
  await w.pass(5 * minute);
  assert.equal(w.key.value, first.key);
  const third = await keys.next();
  assert.equal(third.key, first.key);
  await keys.failed(second);
  await keys.succeeded(third);
  const proved = w.time;
  assert.deepEqual(w.key, { value: first.key, proved, open: 0, starts: 0 });
  w.time += minute - 1;
  assert.equal((await keys.next()).key, first.key);
});

within("what became of another key is of no interest", async (w) => {
  const keys = keysOf(w.storage, w.clock, w.time);
  const old = await keys.next();
  w.key = { value: "another", proved: 0, open: 7, starts: 0 };
  for (const f of [keys.succeeded, keys.failed, keys.drop]) {
    await f(old);
    assert.deepEqual(w.key, { value: "another", proved: 0, open: 7, starts: 0 });
  }
});

within("an outcome that becomes unknown after another's success is remembered", async (w) => {
  const keys = keysOf(w.storage, w.clock, w.time);
  const first = await keys.next();
  const second = await keys.next();
  await keys.succeeded(second);
  assert.equal(w.key.open, 0);
  await keys.failed(first);
  assert.equal(w.key.open, first.sent);
  w.time += 5 * minute;
  assert.equal((await keys.next()).key, first.key, "it is not retired");
});
