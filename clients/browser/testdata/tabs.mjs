import assert from "node:assert/strict";

// Many tabs, lost replies, thieves and sign-outs. The page is testdata/page.

const password = "seven-green-kettles";

// open gives a tab of the person, once it knows who is signed in.
export async function open(t, context, query = "") {
  const page = await t.tab(context, `${t.input.url}/?origin=${t.input.orders}${query}`);
  await page.evaluate(() => pawl.ready.then(() => {}));
  return page;
}

export const signIn = (page) => page.evaluate((p) => pawl.login("anna", p).then((s) => s.sub), password);

// call gives the status of a request with the token.
export const call = (page, url = "/orders") => page.evaluate((url) => pawl.fetch(url).then((r) => r.status, (e) => `${e.code ?? e}`), url);

export const who = (page) => page.evaluate(() => [pawl.session?.sub ?? null, pawl.reason ?? null]);

const lastNews = (page) => page.evaluate(() => news.at(-1));

export async function eightTabs(t, query, apart = 0) {
  const person = await t.person();
  const first = await open(t, person, query);
  await signIn(first);
  const tabs = [first];
  while (tabs.length < 8) {
    await first.waitForTimeout(apart);
    tabs.push(await open(t, person, query));
  }
  return tabs;
}

// expire makes all tokens expire. In every second round the tabs know it and reissue
// first; in the others they are told by a 401.
async function expire(t, tabs, round) {
  await t.call("advance", 3600);
  if (round % 2) await Promise.all(tabs.map((p) => p.evaluate(() => (skew += 3_600_000))));
}

// rowsSince gives how often a row of the rotation table was taken since it was called.
export async function rowsSince(t) {
  const before = await t.call("rows");
  return async (row) => ((await t.call("rows"))[row] ?? 0) - (before[row] ?? 0);
}

const rounds = (query) => async (t) => {
  const tabs = await eightTabs(t, "&skewed" + query);
  for (let round = 0; round < t.input.rounds; round++) {
    await expire(t, tabs, round);
    const taken = await rowsSince(t);
    const answers = await Promise.all(tabs.map((p) => call(p)));
    assert.deepEqual(answers, Array(8).fill(200), `round ${round}`);
    assert.equal(await taken(5), 1, `round ${round}: rotations`);
    assert.equal(await taken(7), 0, "reuse");
  }
  for (const p of tabs) assert.deepEqual(await p.evaluate(() => news), [["id-anna", null]], "nobody was told of an end");
};

export default {
  "eight tabs whose tokens expire at the same second": { minutes: 10, run: rounds("") },

  "eight tabs without locks": { minutes: 10, run: rounds("&nolocks") },

  "a reply is lost, the browser killed, and opened again beyond the window": async (t) => {
    const taken = await rowsSince(t);
    await killed(t, "");
    assert.equal(await taken(7), 0);
  },

  "and without the key on disk that is a sign-out": async (t) => {
    const page = await killed(t, "&forgetful");
    assert.deepEqual(await who(page), [null, "reused"]);
  },

  "a stolen cookie is used: the session ends, and both are told": async (t) => {
    const owner = await t.person(), thief = await t.person();
    const page = await open(t, owner);
    await signIn(page);
    await thief.addCookies(await owner.cookies());
    await t.call("advance", 2400);
    const his = await open(t, thief);
    assert.deepEqual(await who(his), ["id-anna", null], "he is in");
    await t.call("advance", 120);
    assert.equal(await call(page), 401, "the owner's page comes back");
    assert.deepEqual(await who(page), [null, "reused"]);
    assert.deepEqual(await lastNews(page), [null, "reused"]);
    assert.equal(await call(his), 401, "and he is out");
    assert.deepEqual(await who(his), [null, "reused"]);
    assert.equal(await call(his, t.input.orders + "/orders"), 401);
  },

  "a sign-out in one tab ends every tab, and is felt at every API": async (t) => {
    const person = await t.person();
    const tabs = [await open(t, person)];
    await signIn(tabs[0]);
    while (tabs.length < 4) tabs.push(await open(t, person));
    const tokens = [];
    for (const p of tabs) {
      const sent = p.waitForRequest((r) => r.url().endsWith("/orders"));
      assert.equal(await call(p), 200);
      tokens.push((await (await sent).allHeaders()).authorization);
      assert.equal(await call(p, t.input.orders + "/orders"), 200);
    }
    assert.equal(new Set(tokens).size, 4, "each tab has its own");
    const outsider = await t.person();
    await tabs[0].evaluate(() => pawl.logout());
    const answered = Date.now();
    const status = async (url, Authorization) => (await outsider.request.get(url + "/orders", { headers: { Authorization } })).status();
    for (const token of tokens) {
      await t.until("Pawl refuses", async () => (await status(t.input.url, token)) === 401, 5);
      await t.until("the API elsewhere refuses", async () => (await status(t.input.orders, token)) === 401, 5);
    }
    t.figure("sign-out-felt-everywhere-ms", Date.now() - answered); // four tokens at two servers, one after the other
    for (const p of tabs) {
      await t.until("the tab knows", async () => (await who(p))[0] === null, 5);
      assert.deepEqual(await lastNews(p), [null, "signed_out"]);
      assert.equal(await call(p), 401);
    }
  },

  "an administrator ends the session: the next request says why": async (t) => {
    const person = await t.person();
    const page = await open(t, person), other = await open(t, person);
    await signIn(page);
    await t.until("the other tab is signed in, too", async () => (await who(other))[0] === "id-anna");
    await t.call("end", "ended_by_admin");
    assert.equal(await call(page), 401);
    for (const p of [page, other]) {
      await t.until("it is told", async () => (await who(p))[1] === "ended_by_admin");
    }
  },

  "a tab that never lets go of the lock": async (t) => {
    if (!t.input.long) return; // it takes 15 s
    const person = await t.person();
    const frozen = await open(t, person), page = await open(t, person);
    await signIn(page);
    await frozen.evaluate((name) => void navigator.locks.request(name, () => new Promise(() => {})), "pawl " + t.input.url);
    await t.call("advance", 3600);
    assert.equal(await call(page), 200);
    await t.call("advance", 3600);
    const before = Date.now();
    assert.equal(await call(page), 200);
    assert.ok(Date.now() - before < 14_000, "it waited again");
  },

  "offline for hours, and back": async (t) => {
    const person = await t.person();
    const page = await open(t, person, "&skewed");
    await signIn(page);
    await person.setOffline(true);
    await expire(t, [page], 1);
    assert.equal(await call(page), "unavailable");
    assert.deepEqual(await who(page), ["id-anna", null]);
    await person.setOffline(false);
    await t.until("it is back", async () => (await call(page)) === 200);
    assert.deepEqual(await page.evaluate(() => news), [["id-anna", null]]);
  },
};

// killed loses a reply, kills the browser at that moment, and opens it again.
async function killed(t, query) {
  const folder = t.profile();
  const first = await t.browser(folder);
  await signIn(await open(t, first.context));
  await first.quit(); // the cookie is on disk
  const second = await t.browser(folder);
  const page = await open(t, second.context, query);
  assert.deepEqual(await who(page), ["id-anna", null]);
  await t.call("advance", 2400);
  const taken = await rowsSince(t);
  await t.call("drop", { path: "/api/reissue", times: 100 });
  page.evaluate(() => void pawl.fetch("/orders")).catch(() => {});
  await t.until("Pawl has turned", async () => (await taken(5)) > 0);
  await second.kill();
  await t.call("drop", { path: "/api/reissue", times: 0 });
  await t.call("advance", 7200);
  const third = await t.browser(folder);
  const again = await open(t, third.context, query);
  if (!query) {
    assert.deepEqual(await who(again), ["id-anna", null], "still signed in");
    assert.equal(await call(again), 200);
  }
  return again;
}
