import { answers, calm, check, signedIn, signIn, there } from "./steps.mjs";

const jwt = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;
const cookie = async (person, t) => (await person.cookies(t.input.url)).find((c) => c.name === "__Host-refreshToken");

export default {
  "a person signs in and sees themself": async (t) => {
    const page = await signedIn(t, "anna");
    check((await page.textContent("#who")) === "anna", "another name");
    check((await page.locator("#devices li").count()) === 1, "not one device");
    check(/This device/.test(await page.textContent("#devices")), "this device is not marked");
    check(/Signed in/.test(await page.textContent("#events")), "the sign-in is not told");
    check(await page.isHidden("#to-admin"), "the administration is offered to everybody");
    check(await page.isHidden("#end-others"), "there are no others to end");
    const origins = await page.evaluate(() => performance.getEntriesByType("resource").map((r) => new URL(r.name).origin));
    check(origins.every((o) => o === t.input.url), "something came from elsewhere: " + origins);
    calm(page);
  },

  "signing in works without JavaScript, and signing out": async (t) => {
    const person = await t.person({ javaScriptEnabled: false });
    const page = await t.tab(person, t.input.url + "/sign-in?return_to=/account");
    await signIn(t, page, "anna", "not her password");
    await page.waitForSelector("#problem");
    check((await page.inputValue("#userId")) === "anna", "the name is to be typed again");
    check((await page.inputValue("#password")) === "", "the password comes back");
    await page.fill("#password", t.input.password);
    await page.press("#password", "Enter");
    await page.waitForURL(t.input.url + "/account");
    check(/needs JavaScript/.test(await page.textContent(".column .notice")), "the page does not say what it needs");
    const held = await cookie(person, t);
    check(held?.httpOnly && held.secure, "no cookie");
    await page.click("#sign-out button");
    await page.waitForURL(/\/sign-in\?done=signed-out$/);
    check(!(await cookie(person, t)), "the cookie stays");
  },

  "the keyboard is enough to sign in and to end a device": async (t) => {
    const sid = await t.call("device");
    const page = await t.tab(await t.person(), t.input.url + "/sign-in");
    const tabTo = async (what) => {
      for (let i = 0; i < 40; i++) {
        const [name, ring] = await page.evaluate(() => {
          const e = document.activeElement;
          return [e.getAttribute("aria-label") ?? e.textContent, e === document.body || getComputedStyle(e).outlineStyle !== "none"];
        });
        if (i && !ring) throw new Error(`where the keyboard is cannot be seen: ${name}`);
        if (what.test(name)) return;
        await page.keyboard.press("Tab");
      }
      throw new Error(`the keyboard does not reach ${what}`);
    };
    check(await page.evaluate(() => document.activeElement.id === "userId"), "the first field is not ready to be typed in");
    await page.keyboard.type("anna");
    await page.keyboard.press("Tab");
    await page.keyboard.type(t.input.password);
    await page.keyboard.press("Enter");
    await there(page, "/account");
    await page.keyboard.press("Tab");
    check(await page.evaluate(() => document.activeElement.className === "skip"), "the content cannot be skipped to");
    await tabTo(/^Sign out Old laptop/);
    await page.keyboard.press("Enter");
    await t.until("the device to go", async () => (await page.locator("#devices", { hasText: "Old laptop" }).count()) === 0);
    check(!(await t.call("alive", sid)), "its session lives");
    check(/Old laptop was signed out/.test(await page.textContent("#status")), "a screen reader is not told");
    check(await page.evaluate(() => document.activeElement !== document.body), "the keyboard has lost its place");
    calm(page);
  },

  "all other devices are ended, after a question": async (t) => {
    const sids = [await t.call("device"), await t.call("device")];
    const page = await signedIn(t, "anna");
    await page.click("#end-others");
    await page.click("#ask button[value=no]");
    check(await t.call("alive", sids[0]), "ended though the answer was no");
    await page.click("#end-others");
    await page.click("#ask-yes");
    await t.until("one device", async () => (await page.locator("#devices li").count()) === 1);
    for (const sid of sids) check(!(await t.call("alive", sid)), "another lives");
    check(/Signed out elsewhere: \d/.test(await page.textContent("#status")), "nothing is told");
    calm(page);
  },

  "a new password signs the others out and this one not": async (t) => {
    const [here, other] = [await signedIn(t, "bob"), await signedIn(t, "bob")];
    const change = async (page, current, next) => {
      await page.fill("#current", current);
      await page.fill("#password", next);
      await page.click("#change .primary");
    };
    await change(here, "not his password", "four-blue-teapots-sing");
    await here.waitForSelector("#change-problem:not([hidden])");
    check((await here.getAttribute("#current", "aria-invalid")) === "true", "the wrong field is not marked");
    await change(here, t.input.password, "passwordpassword");
    await t.until("a refusal", async () => (await here.getAttribute("#password", "aria-invalid")) === "true");
    await change(here, t.input.password, "four-blue-teapots-sing");
    await t.until("the news", async () => /The password is changed/.test(await here.textContent("#status")));
    await t.until("one device", async () => (await here.locator("#devices li").count()) === 1);
    await other.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // somebody looks at it
    await other.waitForURL(/\/sign-in\?.*reason=password_changed/);
    check(/The password was changed/.test(await other.textContent(".notice")), "the other is not told why");
    check(await here.isVisible("#who"), "this one was signed out");
    calm(here, answers(400, 401));
    calm(other, answers(401));
  },

  "signing out leaves nothing behind, in any tab": async (t) => {
    const page = await signedIn(t, "anna");
    const second = await t.tab(page.context(), t.input.url + "/account");
    await there(second, "/account");
    await page.click("#sign-out button");
    await page.waitForURL(/done=signed-out/);
    await second.waitForURL(/\/sign-in/);
    await page.goBack().catch(() => {});
    await t.until("no account after going back", async () => /\/sign-in/.test(page.url()) || (await page.locator("#devices li").count()) === 0);
    await page.goto(t.input.url + "/account");
    await page.waitForURL(/\/sign-in\?return_to=%2Faccount$/);
    calm(page, answers(401));
    calm(second, answers(401));
  },

  "a ban on the page of the administration is felt everywhere": async (t) => {
    const tabs = [await signedIn(t, "anna")];
    for (let i = 0; i < 3; i++) {
      tabs.push(await t.tab(tabs[0].context(), t.input.url + "/account"));
      await there(tabs.at(-1), "/account");
    }
    // An API elsewhere, and Pawl's own, with a token as the pages have.
    const access = await tabs[0].evaluate(async () => (await (await fetch("/api/reissue", { method: "POST" })).json()).accessToken);
    const asked = async (url) => (await tabs[0].request.get(url, { headers: { Authorization: "Bearer " + access } })).status();
    const apis = [t.input.remote + "/", t.input.url + "/api/session"];
    for (const api of apis) check((await asked(api)) === 200, api + " does not take the token");

    const admin = await signedIn(t, "root", "/admin");
    await admin.click('.tabs a[href="#users"]');
    await admin.fill("#search", "anna");
    await admin.click("#find .primary");
    await admin.click('#users .link:text-is("anna")');
    await admin.waitForSelector("#person:not([hidden])");
    await admin.click("#person-disable");
    await admin.click("#ask-yes"); // without a reason the form is not sent
    check(await admin.isVisible("#ask"), "done without a reason");
    await admin.fill("#ask-why", "a test of the ban");
    const answered = admin.waitForResponse((r) => r.request().method() === "PATCH");
    await admin.click("#ask-yes");
    check((await answered).ok(), "not disabled");

    const began = Date.now();
    for (const api of apis) await t.until(api + " to refuse", async () => (await asked(api)) === 401);
    await t.call("figure", { Name: "ban_felt_by_every_api_ms", Value: String(Date.now() - began) });
    for (const tab of tabs) await tab.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))).catch(() => {}); // somebody looks at it
    for (const tab of tabs) {
      await tab.waitForURL(/\/sign-in\?.*reason=disabled/);
      check(/disabled or no longer exists/.test(await tab.textContent(".notice")), "not told why");
      check(!(await tab.content()).includes("anna"), "something of the person stays");
    }
    await t.call("figure", { Name: "ban_felt_by_every_tab_ms", Value: String(Date.now() - began) });
    await t.until("the page to show it", async () => /Disabled/.test(await admin.textContent("#person-detail")));
    await admin.click('.tabs a[href="#audit"]');
    await t.until("the audit log", async () => /The account was disabled.*a test of the ban/s.test(await admin.textContent("#audit")));
    calm(admin);
    for (const tab of tabs) calm(tab, answers(401));
    await t.call("enable");
  },

  "an administrator ends a session and makes a reset link": async (t) => {
    const sid = await t.call("device");
    const admin = await signedIn(t, "root", "/admin");
    await admin.goto(t.input.url + "/admin#users");
    await admin.fill("#search", "anna");
    await admin.click("#find .primary");
    await admin.click('#users .link:text-is("anna")');
    await admin.click('#person-sessions li:has-text("Old laptop") button');
    await admin.fill("#ask-why", "lost");
    await admin.click("#ask-yes");
    await t.until("the session to end", async () => !(await t.call("alive", sid)));
    await admin.click("#person-reset");
    await admin.fill("#ask-why", "forgotten");
    await admin.click("#ask-yes");
    await admin.waitForSelector("#offer:not([hidden])");
    const code = await admin.textContent("#offer-link");
    await admin.click("#person-close");
    check((await admin.textContent("#offer-link")) === "", "the code stays in the page");

    const person = await t.tab(await t.person(), t.input.url + "/reset#code=" + code);
    await t.until("the code in its field", async () => (await person.inputValue("#code")) === code);
    check(!person.url().includes(code), "the code stays in the address bar");
    await person.click('.languages a[lang="ko"]');
    await t.until("the code in the other language", async () => (await person.inputValue("#code")) === code);
    check(/새 비밀번호 설정/.test(await person.textContent("h1")), "not in Korean");
    await person.fill("#password", "six-purple-ladders-hum");
    await person.click(".primary");
    await person.waitForURL(/done=reset/);
    await signIn(t, person, "anna", "six-purple-ladders-hum");
    await there(person, "/account");
    check((await person.getAttribute("html", "lang")) === "ko", "the language is forgotten");
    calm(admin);
    calm(person);
  },

  "who is no administrator is told so": async (t) => {
    const page = await signedIn(t, "eve");
    await page.goto(t.input.url + "/admin");
    await page.waitForSelector("#main:not([hidden])");
    check(/for administrators/.test(await page.textContent("#main")), "not told");
    calm(page);
  },

  "people are sent to where they may be, and nowhere else": async (t) => {
    const person = await t.person();
    for (const [target, want] of [
      ["//evil.example/", t.input.url + "/account"],
      ["/\\evil.example", t.input.url + "/account"],
      ["javascript:alert(1)", t.input.url + "/account"],
      ["https://evil.example/", t.input.url + "/account"],
      ["/%2F/evil.example", t.input.url + "/%2F/evil.example"],
      [t.input.sibling + "/healthz", t.input.sibling + "/healthz"], // an origin of the list: the policy lets the form lead there
    ]) {
      const page = await t.tab(person, t.input.url + "/sign-in?return_to=" + encodeURIComponent(target));
      await signIn(t, page, "eve");
      await page.waitForURL(want);
      check(page.log.csp.length === 0, "the policy was in the way of " + target);
      await page.close();
    }
  },

  "another site can neither sign in nor out, nor frame a page": async (t) => {
    const person = await t.person();
    const mine = await t.tab(person, t.input.url + "/sign-in");
    await signIn(t, mine, "eve");
    await there(mine, "/account");
    const before = (await cookie(person, t)).value;
    for (const path of ["/sign-in", "/sign-out"]) {
      const evil = await person.newPage();
      await evil.goto(t.input.sibling + "/healthz");
      const answered = evil.waitForResponse((r) => r.url() === t.input.url + path);
      await evil.evaluate(([to, password]) => {
        const form = document.createElement("form");
        form.method = "post";
        form.action = to;
        for (const [name, value] of Object.entries({ userId: "root", password })) {
          const input = document.createElement("input");
          [input.name, input.value] = [name, value];
          form.append(input);
        }
        document.documentElement.append(form);
        form.submit();
      }, [t.input.url + path, t.input.password]).catch(() => {});
      check((await answered).status() === 403, `${path} from another site: ${(await answered).status()}`);
    }
    check((await cookie(person, t))?.value === before, "the cookie changed");

    const around = await person.newPage();
    const frame = (src) => around.goto(t.input.evil + "/?" + new URLSearchParams({ src }));
    await frame(t.input.evil + "/harmless"); // so that what follows shows something
    await t.until("a page that may be framed", () => around.frames()[1]?.url() === t.input.evil + "/harmless");
    await frame(t.input.url + "/sign-in");
    await t.until("our page to be refused", () => around.log.csp.some((m) => m.includes("frame-ancestors 'none'")), 20);
  },

  "no token can be read by a page's script": async (t) => {
    const page = await signedIn(t, "root", "/admin");
    await page.waitForSelector("#charts figure");
    await page.goto(t.input.url + "/account");
    await there(page, "/account");
    const found = await page.evaluate(async () => {
      const texts = [location.href, document.cookie, document.documentElement.outerHTML, JSON.stringify(history.state), window.name];
      for (const s of [localStorage, sessionStorage]) for (let i = 0; i < s.length; i++) texts.push(s.key(i), s.getItem(s.key(i)));
      for (const { name } of await indexedDB.databases()) {
        const db = await new Promise((ok, no) => Object.assign(indexedDB.open(name), { onsuccess: (e) => ok(e.target.result), onerror: no }));
        for (const store of db.objectStoreNames) {
          const all = await new Promise((ok) => (db.transaction(store).objectStore(store).getAll().onsuccess = (e) => ok(e.target.result)));
          texts.push(JSON.stringify(all));
        }
        db.close();
      }
      const seen = new Set();
      const walk = (o, depth) => {
        if (o === null || depth > 6 || seen.has(o) || (typeof o !== "object" && typeof o !== "function")) return;
        seen.add(o);
        for (const name of Object.getOwnPropertyNames(o)) {
          let v;
          try { v = o[name]; } catch { continue; }
          if (typeof v === "string") texts.push(v);
          else walk(v, depth + 1);
        }
      };
      walk(window, 0);
      return texts.map(String);
    });
    const leaked = found.filter((x) => jwt.test(x));
    check(found.length > 100 && leaked.length === 0, `${found.length} texts, with a token: ${leaked}`);
    check(!jwt.test(JSON.stringify([page.log.urls, page.log.console])), "a token is in the history or the console");
    calm(page);
  },

  "the sign-in page is small and soon ready": async (t) => {
    const person = await t.person();
    const page = await person.newPage();
    const cdp = await person.newCDPSession(page);
    await cdp.send("Network.enable");
    let bytes = 0, requests = 0;
    cdp.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; requests++; });
    await page.goto(t.input.url + "/sign-in", { waitUntil: "networkidle" });
    check(requests >= 4 && bytes < 30_000, `${bytes} bytes in ${requests} answers`);
    const ready = await page.evaluate(() => Math.round(performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd));
    await t.call("figure", { Name: "sign_in_page_bytes", Value: String(bytes) });
    await t.call("figure", { Name: "sign_in_page_ready_ms", Value: String(ready) });
  },

  "times are in the reader's zone": async (t) => {
    const [east, west] = [await signedIn(t, "eve", "/account", { timezoneId: "Asia/Seoul" }), await signedIn(t, "eve", "/account", { timezoneId: "America/New_York" })];
    const of = (page) => page.locator("#events time").last().evaluate((e) => [e.dateTime, e.textContent]);
    const [[at, seoul], [same, newYork]] = [await of(east), await of(west)];
    check(at === same && seoul !== newYork, `${at} is ${seoul}, ${same} is ${newYork}`);
    check(/:00:00Z$/.test(at), `${at} is finer than an hour`);
  },

  "too many tries: the wait is told, and counts down": async (t) => {
    const page = await t.tab(await t.person(), t.input.url + "/sign-in");
    for (let i = 0; i < 4; i++) {
      await signIn(t, page, "nobody", "not a password");
      await page.waitForSelector("#problem");
      await page.waitForLoadState();
    }
    await page.waitForSelector("[data-wait]");
    const [first, said] = [await page.textContent("[data-wait]"), Number(await page.getAttribute("[data-wait]", "data-wait"))];
    check(said > 1 && /try again in/.test(first), "no wait is told");
    await t.until("the count to go down", async () => (await page.textContent("[data-wait]")) !== first);
    calm(page, answers(422, 429));
  },
};
