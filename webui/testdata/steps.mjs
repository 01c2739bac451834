// Steps that several scenarios take.

export function check(ok, what) {
  if (!ok) throw new Error(what);
}

export async function signIn(t, page, login = "anna", password = t.input.password) {
  await page.fill("#userId", login);
  await page.fill("#password", password);
  await page.click(".primary");
}

/** A tab of a person who is signed in, at a page that is there. */
export async function signedIn(t, login, path = "/account", options = {}) {
  const person = await t.person(options);
  const page = await t.tab(person, t.input.url + "/sign-in?return_to=" + encodeURIComponent(path));
  await signIn(t, page, login);
  await there(page, path);
  return page;
}

export async function there(page, path) {
  await page.waitForURL((u) => u.pathname === path.replace(/[?#].*/, ""));
  await page.waitForSelector("#main:not([hidden])");
}

/** Nothing was said in the console, nothing broke, and the policy was kept. */
export function calm(page, allowed = /^$/) {
  const { console: said, errors, csp } = page.log;
  const noise = [...said.filter((m) => !allowed.test(m)), ...errors, ...csp];
  check(noise.length === 0, "the page is not calm: " + noise.join("\n"));
}

/** What Chromium writes by itself of answers that are no success. */
export const answers = (...status) => new RegExp(`status of (${status.join("|")})`);
