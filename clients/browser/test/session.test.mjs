import assert from "node:assert/strict";
import { mock } from "node:test";
import { PawlError } from "../dist/index.js";
import { bearer, broken, minute, problem, signedIn, within } from "./world.mjs";

const orders = "https://pawl.test/orders";

within("nobody is signed in, and requests go out without a token", async (w) => {
  const tab = w.tab();
  assert.equal(await tab.ready, null);
  assert.equal(tab.session, null);
  assert.equal(tab.reason, undefined);
  await tab.fetch(orders);
  assert.equal(bearer(w.sent("/orders")[0]), null);
  assert.equal(w.sent("/api/reissue").length, 1, "asked once, at the start");
  assert.deepEqual(tab.news, []);
});

within("a sign-in says who, and never the token", async (w) => {
  const tab = w.tab();
  const session = await tab.login("anna", "right", { label: "my laptop" });
  assert.deepEqual(JSON.parse(w.sent("/api/login")[0].text), { userId: "anna", password: "right", label: "my laptop" });
  assert.equal(session.sub, "anna");
  assert.equal(session.sid, "sid-1");
  assert.deepEqual(session.roles, ["reader"]);
  assert.equal(tab.session, session);
  await w.settle();
  assert.deepEqual(tab.news, [["anna", undefined]]);
  assert.ok(!JSON.stringify([session, tab]).includes("secret"));
  await tab.fetch(orders);
  assert.match(bearer(w.sent("/orders")[0]), /^secret/);
});

within("a sign-in that is refused says why, and how long to wait", async (w) => {
  const tab = w.tab();
  await assert.rejects(tab.login("anna", "wrong"), (e) => e instanceof PawlError && e.code === "invalid_credentials" && e.status === 401 && e.detail === "detail of invalid_credentials");
  w.on("/api/login", problem(429, "rate_limited", undefined, { "Retry-After": "30" }));
  await assert.rejects(tab.login("anna", "right"), (e) => e.code === "rate_limited" && e.retryAfter === 30);
  w.on("/api/login", broken);
  await assert.rejects(tab.login("anna", "right"), (e) => e.code === "unavailable" && e.status === 0);
  assert.equal(tab.session, null);
});

within("a reload recovers through the cookie, by one reissue", async (w) => {
  (await signedIn(w)).close();
  const n = w.sent("/api/reissue").length;
  const tab = w.tab();
  assert.equal((await tab.ready).sub, "anna");
  await tab.fetch(orders);
  assert.equal(w.sent("/api/reissue").length, n + 1);
  assert.deepEqual(tab.news, [["anna", undefined]]);
});

within("a reload while Pawl is away goes on when it is back", async (w) => {
  (await signedIn(w)).close();
  w.on("/api/reissue", broken, 8);
  const tab = w.tab();
  let known = false;
  tab.ready.then(() => (known = true));
  await w.pass(10_000);
  assert.equal(known, false, "nobody is told to be signed out");
  await w.pass(10 * minute);
  assert.equal((await tab.ready).sub, "anna");
});

within("reissues at a random point of the last tenth", async (w) => {
  const tab = await signedIn(w);
  const moments = new Set();
  for (let i = 0; i < 20; i++) {
    const n = w.sent("/api/reissue").length;
    await w.pass(27 * minute - 1);
    assert.equal(w.sent("/api/reissue").length, n, "before the last tenth");
    await w.pass(3 * minute + 1);
    assert.equal(w.sent("/api/reissue").length, n + 1, "by the end");
    moments.add(tab.session.exp);
    await tab.login("anna", "right");
  }
  assert.ok(moments.size > 10, `${moments.size} different moments`);
});

within("a token is never used past its end, by whichever clock", async (w) => {
  const tab = await signedIn(w);
  await w.pass(8 * 60 * minute, { asleep: true }); // the monotonic clock stood still
  const n = w.sent("/api/reissue").length;
  await tab.fetch(orders);
  assert.equal(w.sent("/api/reissue").length, n + 1);
  assert.equal(bearer(w.sent("/orders")[0]), `secret${w.serial}`);
  // The wall clock is set back by a day: the other one says that time has passed.
  const mono = w.clock.mono;
  w.time -= 24 * 60 * minute;
  w.asleep -= 24 * 60 * minute;
  assert.equal(w.clock.mono, mono);
  w.timers = [];
  w.asleep -= 31 * minute;
  await tab.fetch(orders);
  assert.equal(w.sent("/api/reissue").length, n + 2);
});

within("many at once are one reissue", async (w) => {
  const tab = await signedIn(w);
  w.timers = [];
  await w.pass(31 * minute);
  const n = w.sent("/api/reissue").length;
  await Promise.all(Array.from({ length: 50 }, () => tab.fetch(orders)));
  assert.equal(w.sent("/api/reissue").length, n + 1);
  assert.deepEqual([...new Set(w.sent("/orders").map(bearer))], [`secret${w.serial}`]);
});

within("a token that is due, and good, is used while it is replaced", async (w) => {
  const tab = await signedIn(w);
  const mine = `secret${w.serial}`;
  w.timers = [];
  w.time += 30 * minute - 1;
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = () => ok(w.tokens()))));
  await tab.fetch(orders);
  await w.settle();
  assert.equal(bearer(w.sent("/orders")[0]), mine);
  assert.equal(w.sent("/api/reissue").at(-1).headers.get("Authorization")?.endsWith(mine), true, "case 3: it proves who asks");
  answer();
  await w.settle();
  await tab.fetch(orders);
  assert.equal(bearer(w.sent("/orders")[1]), `secret${w.serial}`);
});

within("Pawl is away: the session stays, for hours", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/reissue", broken, Infinity);
  await w.pass(31 * minute);
  const [, e] = await Promise.all([w.pass(minute), tab.fetch(orders).catch((e) => e)]);
  assert.equal(e.code, "unavailable");
  assert.equal(w.sent("/orders").length, 0, "nothing is sent without a token");
  const n = w.sent("/api/reissue").length;
  await w.pass(60 * minute);
  const asked = w.sent("/api/reissue").length - n;
  assert.ok(asked > 10 && asked < 70, `asked ${asked} times in an hour`);
  assert.equal(tab.session.sub, "anna");
  w.answers = [];
  await tab.fetch(orders); // at once: who asks does not wait for the next try
  assert.equal(bearer(w.sent("/orders")[0]), `secret${w.serial}`);
  assert.deepEqual(tab.news, [["anna", undefined]], "nobody was told of an end");
});

within("three tries are made for a request", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/reissue", broken, Infinity);
  w.timers = [];
  w.time += 31 * minute;
  const n = w.sent("/api/reissue").length;
  let tries;
  const given = tab.fetch(orders).catch((e) => ((tries = w.sent("/api/reissue").length - n), e));
  await w.pass(20_000);
  assert.equal((await given).code, "unavailable");
  assert.equal(tries, 3);
});

within("a timer that goes off early uses up no try", async (w) => {
  const tab = await signedIn(w);
  w.early = 0.6;
  w.on("/orders", problem(401, "token_expired"));
  w.on("/api/reissue", broken);
  const given = tab.fetch(orders);
  await w.pass(5_000);
  assert.equal((await given).status, 200);
  assert.equal(w.sent("/api/reissue").length, 3, "at the start, in vain, and again");
});

within("a reply that does not come within ten seconds is given up, and not taken later", async (w) => {
  const tab = await signedIn(w);
  const limits = [];
  const timeout = mock.method(AbortSignal, "timeout", (ms) => {
    const c = new AbortController();
    limits.push([ms, c]);
    return c.signal;
  });
  w.time += 31 * minute;
  w.on("/api/reissue", (r) => new Promise((ok, fail) => {
    const late = w.tokens();
    r.signal.addEventListener("abort", () => (fail(r.signal.reason), ok(late)));
  }));
  const sent = tab.fetch(orders);
  await w.settle();
  const first = w.serial;
  assert.equal(limits.at(-1)[0], 10_000);
  limits.at(-1)[1].abort(new DOMException("late", "TimeoutError"));
  await tab.login("anna", "right");
  assert.equal(limits.at(-1)[0], 30_000, "a sign-in may take longer");
  timeout.mock.restore();
  await w.pass(2_000);
  assert.equal((await sent).status, 200);
  assert.notEqual(bearer(w.sent("/orders")[0]), `secret${first}`);
  const keys = w.sent("/api/reissue").slice(-2).map((r) => r.headers.get("Idempotency-Key"));
  assert.equal(keys[0], keys[1]);
});

within("waits as long as Pawl asks for", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/reissue", problem(503, "unavailable", undefined, { "Retry-After": "100" }));
  w.time += 31 * minute;
  await assert.rejects(tab.fetch(orders), { code: "unavailable", retryAfter: 100 });
  const n = w.sent("/api/reissue").length;
  await assert.rejects(tab.fetch(orders), { code: "unavailable", retryAfter: 100 });
  await w.pass(99_000);
  assert.equal(w.sent("/api/reissue").length, n, "nor is it asked before");
  await w.pass(102_000);
  assert.equal(w.sent("/api/reissue").length, n + 1);
  await tab.fetch(orders);
  assert.equal(w.sent("/orders").length, 1);
});

within("no other answer ends a session", async (w) => {
  const tab = await signedIn(w);
  for (const give of [
    new Response("<html>", { status: 401 }), // a proxy in front
    Response.json({ code: "login_required", reason: "signed_out" }, { status: 401 }), // somebody else's words
    new Response("<html>", { status: 200 }), // a network's own page
    new Response("{}", { status: 200 }),
    new Response("gone", { status: 404 }),
    problem(403, "cross_site"),
    problem(500, "unavailable"),
    problem(429, "rate_limited"),
    problem(400, "invalid_request"),
  ]) {
    w.on("/api/reissue", give);
    await w.pass(31 * minute);
    await w.pass(3 * minute);
    assert.equal(tab.session?.sub, "anna");
    await tab.fetch(orders);
  }
  assert.deepEqual(tab.news, [["anna", undefined]]);
});

within("a session that is over says why, to all tabs", async (w) => {
  const tab = await signedIn(w);
  const other = w.tab();
  await other.ready;
  await w.settle();
  w.on("/api/reissue", problem(401, "login_required", "reused"), Infinity);
  w.time += 31 * minute;
  await assert.rejects(tab.fetch(orders), { code: "login_required", reason: "reused" });
  await w.settle();
  for (const t of [tab, other]) {
    assert.equal(t.session, null);
    assert.equal(t.reason, "reused");
    assert.deepEqual(t.news.at(-1), [null, "reused"]);
  }
  const n = w.sent("/api/reissue").length;
  await tab.fetch(orders);
  assert.equal(bearer(w.sent("/orders").at(-1)), null, "nobody is signed in");
  assert.equal(w.sent("/api/reissue").length, n);
  assert.equal(w.key, undefined, "no key is pending");
});

within("a page that is opened later learns why, too", async (w) => {
  w.on("/api/reissue", problem(401, "login_required", "ended_by_admin"));
  const tab = w.tab();
  assert.equal(await tab.ready, null);
  await w.settle();
  assert.equal(tab.reason, "ended_by_admin");
  assert.deepEqual(tab.news, [[null, "ended_by_admin"]]);
});

within("a sign-out ends all tabs", async (w) => {
  const tab = await signedIn(w);
  const other = w.tab();
  await other.ready;
  await tab.logout();
  await w.settle();
  for (const t of [tab, other]) {
    assert.equal(t.session, null);
    assert.deepEqual(t.news.at(-1), [null, "signed_out"]);
    await t.fetch(orders);
    assert.equal(bearer(w.sent("/orders").at(-1)), null);
  }
});

within("a sign-out that does not reach Pawl is none", async (w) => {
  const tab = await signedIn(w);
  w.on("/api/logout", broken);
  await assert.rejects(tab.logout(), { code: "unavailable" });
  assert.equal(tab.session.sub, "anna");
  w.on("/api/logout", problem(401, "access_denied")); // the cookie is gone already
  await tab.logout();
  assert.equal(tab.session, null);
});

within("a sign-in in one tab is one in all, and another person's work is not sent", async (w) => {
  const tab = await signedIn(w);
  const other = w.tab();
  await other.ready;
  await w.settle();
  w.timers = [];
  w.time += 31 * minute;
  let release;
  w.on("/api/reissue", () => new Promise((ok) => (release = ok)));
  const sent = other.fetch(orders, { method: "POST", body: "anna's" });
  sent.catch(() => {});
  await w.settle();
  await tab.login("bert", "right");
  release(problem(401, "login_required", "signed_out"));
  await assert.rejects(sent, { code: "login_required" });
  await w.settle();
  assert.equal(other.session.sub, "bert");
  assert.deepEqual(other.news, [["anna", undefined], ["bert", undefined]], "anna's end is no news any more");
  assert.equal(w.sent("/orders").length, 0);
});

within("what is asked for during a sign-in in another tab waits for it", async (w) => {
  const tab = w.tab(), other = w.tab();
  await Promise.all([tab.ready, other.ready]);
  await w.settle();
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = () => ok(w.tokens()))));
  await tab.login("anna", "right");
  await w.settle();
  const sent = other.fetch(orders);
  await w.settle();
  assert.equal(w.sent("/orders").length, 0);
  answer();
  await sent;
  assert.ok(bearer(w.sent("/orders")[0]));
});

within("a reissue that is answered after a sign-out brings nobody back", async (w) => {
  const tab = await signedIn(w);
  const other = w.tab();
  await other.ready;
  await w.settle();
  w.timers = [];
  w.time += 31 * minute;
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = ok)));
  other.fetch(orders).catch(() => {});
  await w.settle();
  const late = w.tokens();
  await tab.logout();
  await w.settle();
  answer(late);
  await w.settle();
  assert.equal(other.session, null);
  assert.deepEqual(other.news.at(-1), [null, "signed_out"]);
});

within("a sign-in waits for the reissue under way: its cookie must be the last", async (w) => {
  const tab = await signedIn(w);
  w.timers = [];
  w.time += 31 * minute;
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = () => ok(w.tokens()))));
  tab.fetch(orders).catch(() => {});
  await w.settle();
  const login = tab.login("bert", "right");
  await w.settle();
  assert.equal(w.sent("/api/login").length, 1, "anna's");
  answer();
  assert.equal((await login).sub, "bert");
});

within("tabs that were opened at other times reissue together before long", async (w) => {
  await signedIn(w);
  for (const minutes of [10, 4, 7]) {
    await w.pass(minutes * minute);
    await w.tab().ready;
  }
  await w.pass(60 * minute);
  const times = [];
  w.answers = [{ path: "/api/reissue", times: Infinity, give: () => (times.push(w.time), w.tokens()) }];
  await w.pass(30 * minute);
  assert.equal(times.length, 4);
  assert.ok(times.at(-1) - times[0] < 1000, `within ${times.at(-1) - times[0]} ms`);
});

// By lot, tabs are due between 27 and 30 minutes after they have reissued: here
// all at the first or all at the last moment.
for (const lot of [0, 2 ** 32 - 1]) {
  for (let apart = 1; apart < 30; apart++) {
    within(`tabs ${apart} minutes apart reissue together after two rotations (lot: ${lot})`, async (w) => {
      const random = crypto.getRandomValues;
      crypto.getRandomValues = (a) => (a instanceof Uint32Array ? a.fill(lot) : random.call(crypto, a));
      try {
        await signedIn(w);
        await w.pass(apart * minute);
        await w.tab().ready;
        await w.pass(60 * minute);
        const times = [];
        w.answers = [{ path: "/api/reissue", times: Infinity, give: () => (times.push(w.time), w.tokens()) }];
        await w.pass(30 * minute);
        assert.ok(times.length >= 2 && times.length % 2 === 0, `${times.length} reissues`);
        for (let i = 0; i < times.length; i += 2) assert.ok(times[i + 1] - times[i] < 1000, `${times}`);
      } finally {
        crypto.getRandomValues = random;
      }
    });
  }
}

within("a token that is young is not replaced for that", async (w) => {
  await signedIn(w);
  await w.pass(10 * minute - 1000);
  const n = w.sent("/api/reissue").length;
  for (const c of w.channels) c.onmessage({ data: { turned: true } });
  await w.settle();
  assert.equal(w.sent("/api/reissue").length, n);
});

within("a tab that has reissued has the others follow", async (w) => {
  const tab = await signedIn(w);
  const others = Array.from({ length: 7 }, () => w.tab());
  await Promise.all(others.map((o) => o.ready));
  for (let round = 0; round < 5; round++) {
    const times = [];
    w.answers = [{ path: "/api/reissue", times: Infinity, give: () => (times.push(w.time), w.tokens()) }];
    await w.pass(30 * minute);
    assert.equal(times.length, 8);
    assert.ok(times.at(-1) - times[0] < 1000, `within ${times.at(-1) - times[0]} ms`);
    await Promise.all([tab, ...others].map((t) => t.fetch(orders)));
  }
});

within("what a listener throws is the page's, and the others are called", async (w) => {
  const tab = w.tab();
  await tab.ready;
  const heard = [];
  const bad = tab.onChange(() => {
    throw new Error("the page's own");
  });
  const off = tab.onChange((s) => heard.push(s?.sub));
  assert.deepEqual(await uncaught(async () => {
    await tab.login("anna", "right");
    await w.settle();
  }), ["the page's own"]);
  assert.deepEqual(heard, ["anna"]);
  bad();
  off();
  await tab.logout();
  await w.settle();
  assert.deepEqual(heard, ["anna"]);
});

// uncaught gives what f leaves uncaught, which the test runner would take for a failure.
async function uncaught(f) {
  const before = process.listeners("uncaughtException"), caught = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (e) => caught.push(e.message));
  await f();
  process.removeAllListeners("uncaughtException");
  for (const l of before) process.on("uncaughtException", l);
  return caught;
}
