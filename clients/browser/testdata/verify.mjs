import assert from "node:assert/strict";

// What a script can send to /api/verify beside the browser's cookies.
const methods = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"];
const headers = [
  {},
  { "X-Forwarded-Method": "GET" },
  { "X-Forwarded-Method": "HEAD" },
  { "X-Forwarded-Method": "GET", "Pawl-Gateway": "" },
  { "X-Forwarded-Method": "GET", "Pawl-Gateway": "a-guess-of-the-secret-of-the-gateway" },
  { "X-Forwarded-Method": "GET", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost", Forwarded: "for=127.0.0.1" },
  { "X-Forwarded-Method": "GET", "Pawl-Request": "1", "X-Original-Method": "GET", "X-HTTP-Method-Override": "GET" },
];

export default {
  "a script asks /api/verify for the refresh token": async (t) => {
    const person = await t.person();
    const page = await t.tab(person, t.input.url + "/");
    const status = await page.evaluate(async (body) => {
      const answer = await fetch("/api/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      return answer.status;
    }, JSON.stringify({ userId: "anna", password: t.input.password }));
    assert.equal(status, 200);
    const cookies = await person.cookies(t.input.url);
    const refresh = cookies.find((c) => c.name === "__Host-refreshToken").value;
    await t.call("advance", 3600); // the access token has expired, and the token would rotate
    const before = await t.call("rows");
    const answers = await page.evaluate(ask, { methods, headers });
    assert.equal(answers.length, methods.length * headers.length * 2);
    for (const { what, status, text } of answers) {
      assert.ok(status === 401 || status === 403, `${what}: ${status}`);
      assert.doesNotMatch(text, /eyJ|refreshToken|pawl-(refresh|access)-cookie/i, what);
      assert.ok(!text.includes(refresh.split(".")[2]), what);
    }
    assert.deepEqual(await person.cookies(t.input.url), cookies, "a cookie was set");
    assert.deepEqual(await t.call("rows"), before, "something was reissued");
  },
};

// ask gives all that the script can read.
async function ask({ methods, headers }) {
  const answers = [];
  for (const method of methods) {
    for (const h of headers) {
      for (const path of ["/api/verify", "/api/verify?ok=200"]) {
        const answer = await fetch(path, { method, headers: h, credentials: "include" });
        answers.push({ what: `${method} ${path} ${JSON.stringify(h)}`, status: answer.status, text: JSON.stringify([...answer.headers]) + (await answer.text()) });
      }
    }
  }
  return answers;
}
