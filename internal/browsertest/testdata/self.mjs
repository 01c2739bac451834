// What the tests of others rely on.
export default {
  "a page of the site is shown, and what it says is kept": async (t) => {
    const page = await t.tab(await t.person(), t.input.url + "/");
    if ((await page.textContent("h1")) !== "here") throw new Error("no heading");
    await page.evaluate(() => console.log("said"));
    await t.until("the page's word", () => page.log.console.includes("said"));
    await t.until("the violation", () => page.log.csp.length > 0);
  },

  "the cookie of a sign-in stays in a browser that is quit": async (t) => {
    const folder = t.profile();
    const first = await t.browser(folder);
    const page = await t.tab(first.context, t.input.url + "/");
    const status = await page.evaluate(async (body) => {
      const answer = await fetch("/api/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      return answer.status;
    }, JSON.stringify({ userId: "anna", password: t.input.password }));
    if (status !== 200) throw new Error(`sign-in: ${status}`);
    await first.quit();
    const second = await t.browser(folder);
    const cookies = await second.context.cookies(t.input.url);
    if (!cookies.some((c) => c.name === "__Host-refreshToken" && c.httpOnly && c.secure && c.sameSite === "Lax")) {
      throw new Error(`cookies: ${cookies.map((c) => c.name)}`);
    }
    await second.kill();
  },

  "the test is called, and its errors are heard": async (t) => {
    if ((await t.call("double", 21)) !== 42) throw new Error("not called");
    const e = await t.call("double", "x").catch((e) => e);
    if (!/cannot/.test(e.message)) throw new Error(e);
  },
};
