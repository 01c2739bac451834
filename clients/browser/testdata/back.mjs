import assert from "node:assert/strict";
import { call, open, signIn, who } from "./tabs.mjs";

export default {
  "a page in the back/forward cache learns what it missed": async (t) => {
    const browser = await t.browser(t.profile());
    const page = await open(t, browser.context);
    await signIn(page);
    assert.equal(await call(page), 200);
    await page.evaluate(() => {
      window.cached = false;
      addEventListener("pageshow", (e) => (window.cached = e.persisted));
    });
    await page.goto(t.input.evil + "/");
    const other = await open(t, browser.context);
    await other.evaluate(() => pawl.logout());
    await page.evaluate(() => history.back());
    await t.until("it comes out of the cache", () => page.evaluate(() => window.cached === true));
    await t.until("it knows", async () => (await who(page))[0] === null);
    assert.equal(await call(page), 401);
  },

  "a reload recovers by one reissue": async (t) => {
    const person = await t.person();
    const page = await open(t, person);
    await signIn(page);
    const count = async () => Object.values(await t.call("rows")).reduce((a, b) => a + b, 0);
    const before = await count();
    await page.reload();
    assert.equal(await page.evaluate(() => pawl.ready.then((s) => s.sub)), "id-anna");
    assert.equal(await call(page), 200);
    assert.equal(await count(), before + 1);
  },

  "a body that is a stream, an abort, a Request": async (t) => {
    const page = await open(t, await t.person());
    await signIn(page);
    await t.call("advance", 2400); // the first answer is a 401
    const said = await page.evaluate(() => pawl.fetch(new Request("/orders", { method: "POST", body: "three kettles" })).then((r) => r.text()));
    assert.equal(said, "orders of id-anna: three kettles");
    const streamed = await page.evaluate(async () => {
      const body = new Blob(["four kettles"]).stream();
      return (await pawl.fetch("/orders", { method: "POST", body, duplex: "half" })).text();
    });
    assert.equal(streamed, "orders of id-anna: four kettles");
    const aborted = await page.evaluate(() => pawl.fetch("/orders", { signal: AbortSignal.abort() }).catch((e) => e.name));
    assert.equal(aborted, "AbortError");
  },
};
