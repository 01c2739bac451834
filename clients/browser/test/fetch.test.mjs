import assert from "node:assert/strict";
import { problem, within, signedIn, bearer, broken, minute } from "./world.mjs";

const orders = "https://pawl.test/orders";
const expired = () => problem(401, "token_expired");

within("a token that a resource server refuses is reissued once, and the request repeated", async (w) => {
  const tab = await signedIn(w);
  for (const [what, input, init, text] of [
    ["without a body", orders, {}, ""],
    ["with a body", orders, { method: "POST", body: "a body" }, "a body"],
    ["a Request", new Request(orders, { method: "PUT", body: "of a Request", headers: { "X-Own": "kept" } }), undefined, "of a Request"],
    ["a Request and init", new Request(orders, { method: "PUT", body: "old" }), { body: "new", headers: { "X-Own": "kept" } }, "new"],
    ["a URL", new URL(orders), { method: "POST", body: new URLSearchParams({ a: "b" }) }, "a=b"],
  ]) {
    w.requests.length = 0;
    w.on("/orders", expired());
    const answer = await tab.fetch(input, init);
    assert.equal(answer.status, 200, what);
    const [first, second, third] = w.sent("/orders");
    assert.equal(third, undefined, what);
    assert.equal(w.sent("/api/reissue").length, 1, what);
    assert.notEqual(bearer(first), bearer(second), what);
    assert.equal(bearer(second), `secret${w.serial}`, what);
    assert.deepEqual([first.text, second.text, first.method], [text, text, second.method], what);
    assert.equal(second.headers.get("X-Own"), first.headers.get("X-Own"), what);
    assert.equal(w.sent("/api/reissue")[0].headers.get("Authorization"), null, "the refused token proves nothing");
  }
});

within("and no third time", async (w) => {
  const tab = await signedIn(w);
  w.on("/orders", () => problem(401, "invalid_token"), Infinity);
  for (let i = 0; i < 5; i++) assert.equal((await tab.fetch(orders)).status, 401);
  assert.equal(w.sent("/api/reissue").length, 2, "one at the start, one for a refusal that no new token mends");
  assert.equal(w.sent("/orders").length, 6);
  assert.equal(tab.session.sub, "anna");
});

within("another's 401 is the page's business", async (w) => {
  const tab = await signedIn(w);
  const n = w.sent("/api/reissue").length;
  for (const headers of [{}, { "WWW-Authenticate": "Basic realm=x" }, { "WWW-Authenticate": "Negotiate" }, { "WWW-Authenticate": 'Bearer realm="pawl"' }, { "WWW-Authenticate": 'Bearer error="insufficient_scope"' }]) {
    w.on("/orders", new Response("no", { status: 401, headers }));
    assert.equal(await (await tab.fetch(orders)).text(), "no");
  }
  assert.equal(w.sent("/api/reissue").length, n);
  assert.equal(w.sent("/orders").length, 5);
});

within("a session that is over: the page gets the answer, onChange the reason", async (w) => {
  const tab = await signedIn(w);
  w.on("/orders", problem(401, "login_required", "ended_by_admin"));
  w.on("/api/reissue", problem(401, "login_required", "ended_by_admin"));
  assert.equal((await tab.fetch(orders)).status, 401);
  await w.settle();
  assert.deepEqual(tab.news.at(-1), [null, "ended_by_admin"]);
});

within("Pawl is away when a token is refused: an error, and no 401, which a page takes for a sign-out", async (w) => {
  const tab = await signedIn(w);
  w.on("/orders", expired());
  w.on("/api/reissue", problem(503, "unavailable", undefined, { "Retry-After": "60" }));
  await assert.rejects(tab.fetch(orders), { code: "unavailable" });
  assert.equal(tab.session.sub, "anna");
});

within("a stream is sent once", async (w) => {
  const tab = await signedIn(w);
  const stream = () => new Blob(["streamed"]).stream();
  assert.equal(await (await tab.fetch(orders, { method: "POST", body: stream(), duplex: "half" })).text(), "streamed");
  w.on("/orders", expired());
  const answer = await tab.fetch(orders, { method: "POST", body: stream(), duplex: "half" });
  assert.equal(answer.status, 401);
  assert.equal(w.sent("/orders").length, 2);
});

within("a token goes to its origins only", async (w) => {
  const tab = await signedIn(w, { origins: ["https://api.test:8443/ignored"] });
  for (const [url, gets] of [
    ["https://pawl.test/x", true],
    ["https://pawl.test:443/x", true],
    ["https://api.test:8443/x", true],
    ["https://api.test/x", false],
    ["http://pawl.test/x", false],
    ["https://pawl.test.evil/x", false],
    ["https://evil.test/?https://pawl.test/", false],
    ["https://pawl.test@evil.test/x", false],
  ]) {
    w.requests.length = 0;
    await tab.fetch(url).catch(() => {});
    await tab.fetch(new Request(url.replace("pawl.test@", ""))).catch(() => {});
    for (const r of w.requests) assert.equal(bearer(r) !== null, gets, r.url);
  }
  await tab.fetch(orders, { headers: { Authorization: "Basic YTpi" } });
  assert.equal(w.sent("/orders").at(-1).headers.get("Authorization"), "Basic YTpi");
});

within("who gives up does not take the others' token along", async (w) => {
  const tab = await signedIn(w);
  w.time += 31 * minute;
  let answer;
  w.on("/api/reissue", () => new Promise((ok) => (answer = () => ok(w.tokens()))));
  const gone = new AbortController();
  const given = tab.fetch(orders, { signal: gone.signal });
  const waiting = tab.fetch(new Request(orders));
  given.catch(() => {});
  await w.settle();
  gone.abort();
  await assert.rejects(given, { name: "AbortError" });
  answer();
  assert.equal((await waiting).status, 200);
  assert.equal(w.sent("/orders").length, 1);
  await assert.rejects(tab.fetch(orders, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

within("an error holds no token", async (w) => {
  const tab = await signedIn(w);
  w.on("/orders", broken);
  const network = await tab.fetch(orders).catch((e) => e);
  w.time += 31 * minute;
  w.on("/api/reissue", problem(503, "unavailable", undefined, { "Retry-After": "60" }));
  const away = await tab.fetch(orders).catch((e) => e);
  for (const e of [network, away]) {
    const all = [e.stack, e.message, String(e), JSON.stringify(e), JSON.stringify(Object.getOwnPropertyDescriptors(e)), e.cause].join();
    assert.ok(!/secret|e30\./.test(all), all);
  }
});
