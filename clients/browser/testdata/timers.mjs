import assert from "node:assert/strict";
import { call, eightTabs, rowsSince } from "./tabs.mjs";

// Access tokens live for eight seconds here, the reuse window for three.
export default {
  "eight tabs left alone reissue together, by their own timers": async (t) => {
    const tabs = await eightTabs(t, "", 960);
    const use = async () => assert.deepEqual(await Promise.all(tabs.map((p) => call(p))), Array(8).fill(200));
    // They were opened over a whole life of a token; those that are due first take the others along.
    const begin = await rowsSince(t);
    await t.until("two rotations", async () => (await begin(5)) > 1);
    const taken = await rowsSince(t);
    await t.until("three more", async () => {
      await use();
      return (await taken(5)) >= 3;
    });
    const rotations = await taken(5), reissues = rotations + (await taken(4)) + (await taken(6));
    assert.ok(reissues > 8 * (rotations - 1), `${rotations} rotations for ${reissues} reissues of eight tabs`);
    assert.equal(await taken(7), 0);
    for (const p of tabs) assert.deepEqual(await p.evaluate(() => news), [["id-anna", null]]);
  },
};
