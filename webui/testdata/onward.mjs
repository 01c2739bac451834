import { answers, calm, check, signIn } from "./steps.mjs";

// Where a sign-in ends that was to lead to an address which redirects on.
const arrives = async (t, returnTo, options = {}) => {
  const page = await t.tab(await t.person(options), t.input.url + "/sign-in?return_to=" + encodeURIComponent(returnTo));
  await signIn(t, page);
  await page.waitForURL((u) => u.pathname === "/end");
  check((await page.textContent("body")) === "the end", "another page");
  return page;
};

export default {
  "to a page that redirects to another origin, and back": async (t) => {
    const page = await arrives(t, "/hop?to=elsewhere");
    check(page.url().startsWith(t.input.url), "it ends at " + page.url());
    calm(page, answers(404)); // of an icon
  },

  "the same a second time, from the history": async (t) => {
    const page = await arrives(t, "/hop?to=elsewhere");
    await page.goto(t.input.url + "/sign-in?return_to=" + encodeURIComponent("/hop?to=elsewhere"));
    await signIn(t, page);
    await page.waitForURL((u) => u.pathname === "/end");
    await page.goBack();
    check(page.url().includes("/sign-in"), "back leads to " + page.url());
    await signIn(t, page);
    await page.waitForURL((u) => u.pathname === "/end");
    calm(page, answers(404)); // of an icon
  },

  "to a listed origin that redirects to one that is not": async (t) => {
    const page = await arrives(t, t.input.sibling + "/hop?to=elsewhere");
    calm(page, answers(404)); // of an icon
  },

  "without JavaScript": async (t) => {
    await arrives(t, "/hop?to=elsewhere", { javaScriptEnabled: false });
  },

  "an address arrives as it was given": async (t) => {
    const page = await arrives(t, "/end//https://x/y/../?a=//b#/./c");
    check(page.url() === t.input.url + "/end#/./c", page.url()); // a redirect keeps the fragment
  },

  "two clicks send the form once, and after Stop it can be sent again": async (t) => {
    const page = await t.tab(await t.person(), t.input.url + "/sign-in?return_to=/end");
    await t.call("hold");
    await page.fill("#userId", "anna");
    await page.fill("#password", t.input.password);
    // By timers of the page: while it is being left, the driver waits.
    await page.evaluate(() => {
      const press = () => document.querySelector(".primary").click();
      setTimeout(press, 0);
      setTimeout(press, 100);
      setTimeout(() => window.stop(), 1000);
      setInterval(press, 1000);
    });
    await t.until("the form to be sent again", async () => (await t.call("held")) > 1);
    check((await t.call("apart")) > 2000, "it was sent twice");
    await t.call("release");
    await page.waitForURL((u) => u.pathname === "/end");
  },
};
