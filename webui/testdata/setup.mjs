import { answers, calm, check, signIn, there } from "./steps.mjs";

export default {
  "the first administrator is made with the link that the server prints": async (t) => {
    const code = await t.call("code");
    const page = await t.tab(await t.person(), t.input.url + "/set-up#code=" + code);
    await t.until("the code in its field", async () => (await page.inputValue("#code")) === code);
    await page.fill("#userId", "root");
    await page.fill("#password", "a-password1234");
    await page.fill("#password", t.input.password);
    await page.click("[data-reveal]");
    check((await page.getAttribute("#password", "type")) === "text", "the password is not shown");
    await page.click(".primary");
    await page.waitForURL(/done=set-up/);
    check(/administrator was created/.test(await page.textContent(".notice")), "not told");
    await signIn(t, page, "root");
    await there(page, "/account");
    check(await page.isVisible("#to-admin"), "the administration is not offered");
    await page.click("#to-admin");
    await page.waitForSelector("#charts figure");
    calm(page);
  },

  "without JavaScript, with the code typed": async (t) => {
    const page = await t.tab(await t.person({ javaScriptEnabled: false }), t.input.url + "/set-up");
    await page.fill("#code", "not a code");
    await page.fill("#userId", "second");
    await page.fill("#password", t.input.password);
    await page.click(".primary");
    await page.waitForSelector("#problem");
    check(/not right or was used/.test(await page.textContent("#problem")), "not told what is wrong");
    calm(page, answers(422));
  },
};
