import assert from "node:assert/strict";

// signedIn gives the page after its form was sent.
async function signedIn(t, options) {
  const page = await t.tab(await t.person(options), t.input.url);
  await page.click("#sign-in button");
  await page.waitForSelector("#load");
  return page;
}

// told gives what the page's journal says, the oldest first.
const told = (page) => page.$$eval("#entries li", (items) => items.map((i) => `${i.dataset.who}: ${i.lastChild.textContent}`).reverse());

// press presses a button and gives what was told until last was.
async function press(t, page, id, last) {
  const before = (await told(page)).length;
  await page.click(id);
  const since = async () => (await told(page)).slice(before);
  try {
    return await t.until(`"${last}" after ${id}`, async () => {
      const lines = await since();
      return lines.some((l) => l.includes(last)) && lines;
    });
  } catch (e) {
    throw new Error(`${e.message}\nThe journal says:\n${(await since()).join("\n")}`, { cause: e });
  }
}

// inOrder wants lines that hold these words, in this order.
function inOrder(lines, ...words) {
  let at = -1;
  for (const word of words) {
    const next = lines.findIndex((l, i) => i > at && l.includes(word));
    assert.ok(next > at, `"${word}" is not there, or too early:\n${lines.join("\n")}`);
    at = next;
  }
}

const reason = (page) => page.textContent("#reason");

export default {
  "expire my token": async (t) => {
    const page = await signedIn(t);
    await press(t, page, "#load", "Shows the orders");
    const lines = await press(t, page, "#expire", "API checks the access token");
    inOrder(lines, "time: An hour passes", "api: The orders' API refuses the access token", "turns", "api: The orders' API checks");
    assert.equal(await page.locator("#orders li").count(), 3);
    assert.deepEqual(page.log.csp, []);
  },

  "drop the next reply": async (t) => {
    const page = await signedIn(t);
    const lines = await press(t, page, "#drop", "API checks the access token");
    inOrder(lines, "turns", "network: The connection broke", "row 6");
    assert.equal(await page.isVisible("#signed-in"), true);
  },

  "steal my cookie": async (t) => {
    const page = await signedIn(t);
    const lines = await press(t, page, "#steal", "is out, too");
    inOrder(lines, "thief: A thief copies", "thief: He is in", "row 7", "thief: He tries again, and is out, too");
    assert.match(await reason(page), /may have been stolen/);
    assert.equal(await page.isVisible("#sign-in"), true);
  },

  "sign out elsewhere, with two tabs": async (t) => {
    const page = await signedIn(t);
    const other = await t.tab(page.context(), t.input.url);
    await other.waitForSelector("#load");
    await press(t, page, "#elsewhere", "Signed out");
    for (const p of [page, other]) {
      await t.until("it says why", async () => /from another device/.test(await reason(p)));
    }
  },

  "sign in with a wrong password, sign out, reload": async (t) => {
    const page = await t.tab(await t.person(), t.input.url);
    await page.fill("[name=password]", "wrong");
    await page.click("#sign-in button");
    await t.until("an error", async () => /not right/.test(await page.textContent("#error")));
    await page.fill("[name=password]", "seven-green-kettles");
    await page.click("#sign-in button");
    await page.waitForSelector("#load");
    await page.reload();
    await page.waitForSelector("#load");
    await page.click("#logout");
    await t.until("signed out", () => page.isVisible("#sign-in"));
    assert.match(await reason(page), /You have signed out/);
  },

  "from a phone to a desk, light and dark": async (t) => {
    const page = await signedIn(t);
    await press(t, page, "#drop", "Shows the orders");
    for (const [width, colorScheme] of [[390, "light"], [390, "dark"], [1440, "light"], [1440, "dark"]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${width} ${colorScheme}: ${wide} pixels too wide`);
      if (process.env.PAWL_SHOTS) await page.screenshot({ path: `${process.env.PAWL_SHOTS}/spa-${width}-${colorScheme}.png`, fullPage: true });
    }
  },
};
