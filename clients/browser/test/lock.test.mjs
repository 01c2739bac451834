import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { locked } from "../dist/lock.js";

// Locks as in Web Locks: one holder, a queue, a signal while waiting, steal.
function fakeLocks() {
  const self = { queue: [], holder: null, stolen: 0 };
  const next = () => {
    if (self.holder || !self.queue.length) return;
    self.holder = self.queue.shift();
    self.holder.run();
  };
  self.request = (name, options, f) =>
    new Promise((ok, fail) => {
      const entry = {
        run: () =>
          f().then(
            (v) => (self.holder === entry && ((self.holder = null), next()), ok(v)),
            (e) => (self.holder === entry && ((self.holder = null), next()), fail(e)),
          ),
        fail,
      };
      if (options.steal) {
        self.stolen++;
        self.holder?.fail(new DOMException("stolen", "AbortError"));
        self.holder = entry;
        return entry.run();
      }
      options.signal?.addEventListener("abort", () => {
        if (!self.queue.includes(entry)) return;
        self.queue = self.queue.filter((e) => e !== entry);
        fail(options.signal.reason);
      });
      self.queue.push(entry);
      next();
    });
  return self;
}

// timeouts has AbortSignal.timeout wait for word.
function timeouts(t) {
  const waiting = [];
  t.mock.method(AbortSignal, "timeout", () => {
    const c = new AbortController();
    waiting.push(c);
    return c.signal;
  });
  return waiting;
}

const turn = () => new Promise((ok) => setImmediate(ok));

test("one at a time, and what it gives or throws is handed on", async () => {
  const locks = fakeLocks();
  let at = 0, most = 0;
  const work = async () => {
    most = Math.max(most, ++at);
    await turn();
    at--;
    return "done";
  };
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => locked(locks, "x", work))), ["done", "done", "done"]);
  assert.equal(most, 1);
  let calls = 0;
  await assert.rejects(locked(locks, "x", async () => (calls++, Promise.reject(new Error("own")))), /own/);
  assert.equal(calls, 1);
  assert.equal(locks.stolen, 0);
});

test("a frozen holder loses the lock, and whoever comes next waits no longer", async (t) => {
  const locks = fakeLocks(), clock = timeouts(t);
  let thaw;
  const frozen = locked(locks, "x", () => new Promise((ok) => (thaw = ok)));
  const second = locked(locks, "x", async () => "second");
  await turn();
  clock[1].abort(new DOMException("waited", "TimeoutError"));
  assert.equal(await second, "second");
  assert.equal(await locked(locks, "x", async () => "third"), "third");
  assert.equal(locks.stolen, 1);
  thaw("late");
  assert.equal(await frozen, "late", "it finishes all the same");
});

test("without locks, or with locks that fail, it runs once", async () => {
  for (const locks of [null, undefined, { request: () => Promise.reject(new DOMException("no", "SecurityError")) }]) {
    let calls = 0;
    assert.equal(await locked(locks, "x", async () => ++calls), 1);
    assert.equal(calls, 1);
  }
  mock.reset();
});
