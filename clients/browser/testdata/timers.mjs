import assert from "node:assert/strict";
import { call, eightTabs, rowsSince } from "./tabs.mjs";

// Access tokens live for three seconds here, the reuse window for two.
export default {
  "eight tabs left alone, by their own timers": async (t) => {
    const tabs = await eightTabs(t, "");
    const refused = await t.call("refused");
    const began = Date.now();
    const taken = await rowsSince(t);
    await t.until("three rotations", async () => {
      assert.deepEqual(await Promise.all(tabs.map((p) => call(p))), Array(8).fill(200));
      return (await taken(5)) >= 3;
    });
    const most = 1 + Math.floor((Date.now() - began) / (3000 * 0.9));
    assert.ok((await taken(5)) <= most, `${await taken(5)} rotations, at most ${most} are due`);
    assert.equal(await t.call("refused"), refused, "no token was used past its end");
    for (const p of tabs) assert.deepEqual(await p.evaluate(() => news), [["id-anna", null]]);
  },
};
