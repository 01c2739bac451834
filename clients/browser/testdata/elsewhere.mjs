import assert from "node:assert/strict";
import { call, signIn, who } from "./tabs.mjs";

export default {
  "a page signs in at a Pawl of another origin": async (t) => {
    const person = await t.person();
    const page = await t.tab(person, `${t.input.url}/?pawl=${t.input.pawl}`);
    assert.equal(await signIn(page), "id-anna");
    assert.equal(await call(page, t.input.pawl + "/api/session"), 200);
    await t.call("advance", 2400);
    assert.equal(await call(page, t.input.pawl + "/api/session"), 200, "a 401 is understood, and repeated");
    await page.reload();
    await page.evaluate(() => pawl.ready.then(() => {}));
    assert.deepEqual(await who(page), ["id-anna", null]);
    await page.evaluate(() => pawl.logout());
    assert.deepEqual(await who(page), [null, "signed_out"]);
    assert.deepEqual(page.log.csp, []);
  },
};
