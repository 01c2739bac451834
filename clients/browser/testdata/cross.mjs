import assert from "node:assert/strict";
import { call, open, signIn, who } from "./tabs.mjs";

const login = JSON.stringify({ userId: "anna", password: "seven-green-kettles" });

// attack tries, from a page of another origin, all that a page can have a browser
// send: fetches of both modes and forms.
const attack = (t, from, cookieComes) => async () => {
  const person = await t.person();
  const page = await open(t, person);
  await signIn(page);
  const cookies = await person.cookies(t.input.url);
  const before = (await t.call("crossed"))?.length ?? 0;

  const evil = await t.tab(person, from);
  const answers = await evil.evaluate(fetches, { pawl: t.input.url, login });
  for (const [what, answer] of answers) assert.equal(answer, "refused", what);
  for (const [path, fields] of [["/api/logout", {}], ["/api/reissue", {}], ["/api/login", { [login.slice(0, -1) + ',"label":"']: '"}' }]]) {
    const form = await t.tab(person, from);
    await Promise.all([form.waitForURL(t.input.url + path), form.evaluate(post, { action: t.input.url + path, fields })]);
    assert.match(await form.textContent("body"), /cross_site/, path);
  }

  const sent = (await t.call("crossed")).slice(before);
  const changing = sent.filter((r) => r.Method !== "OPTIONS" && r.Method !== "GET");
  assert.ok(changing.length >= 6, `only ${changing.length} reached Pawl`);
  for (const r of changing) assert.equal(r.Status, 403, JSON.stringify(r));
  assert.ok(sent.every((r) => !r.SetCookie), "a cookie was set");
  assert.equal(changing.some((r) => r.Cookie), cookieComes, "the browser sends the cookie");
  assert.deepEqual(await person.cookies(t.input.url), cookies);
  assert.deepEqual(await who(page), ["id-anna", null]);
  assert.equal(await call(page), 200);
};

export default {
  // Another port is another origin, but the same site: the cookie comes along.
  "another port of the same host": (t) => attack(t, t.input.evil + "/", true)(),
  "the same machine by another name": (t) => attack(t, t.input.evil.replace("localhost", "127.0.0.1") + "/", false)(),
  "the same server by another name": (t) => attack(t, t.input.sibling + "/blank", false)(),
};

async function fetches({ pawl, login }) {
  const json = { "Content-Type": "application/json" };
  const tries = [
    ["reissue", "/api/reissue", { method: "POST" }],
    ["reissue with a key", "/api/reissue", { method: "POST", headers: { "Idempotency-Key": "x".repeat(30) } }],
    ["logout", "/api/logout", { method: "POST" }],
    ["logout with a header", "/api/logout", { method: "POST", headers: { "Pawl-Request": "1" } }],
    ["sign-in", "/api/login", { method: "POST", headers: json, body: login }],
    ["sign-in as text", "/api/login", { method: "POST", headers: { "Content-Type": "text/plain" }, body: login }],
    ["end my sessions", "/api/sessions", { method: "DELETE" }],
    ["who am I", "/api/session", {}],
  ];
  const answers = [];
  for (const [what, path, init] of tries) {
    const answer = await fetch(pawl + path, { credentials: "include", ...init }).then((r) => `${r.status}`, () => "refused");
    answers.push([what, answer]);
    // Without CORS the answer cannot be read, but the request is sent.
    if (init.method === "POST" && !init.headers) await fetch(pawl + path, { credentials: "include", mode: "no-cors", ...init }).catch(() => {});
  }
  await fetch(pawl + "/api/login", { method: "POST", credentials: "include", mode: "no-cors", body: login }).catch(() => {});
  navigator.sendBeacon(pawl + "/api/logout");
  return answers;
}

function post({ action, fields }) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action, enctype: "text/plain" });
  for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement("input"), { name, value }));
  document.documentElement.append(form);
  form.submit();
}
