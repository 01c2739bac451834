import { signIn, there } from "./steps.mjs";

/** Calls look(name, page) at each page and state worth looking at. */
export async function tour(t, options, look) {
  const guest = await t.tab(await t.person(options), t.input.url + "/sign-in");
  await look("sign-in", guest);
  await signIn(t, guest, "mallory", "not a password");
  await guest.waitForSelector("#problem");
  await look("sign-in-problem", guest);
  await guest.goto(t.input.url + "/set-up");
  await look("set-up", guest);
  await guest.goto(t.input.url + "/reset#code=e3wyfh2cxpnqzxum2fwizzl2o3");
  await look("reset", guest);
  await guest.goto(t.input.url + "/nothing-here");
  await look("not-found", guest);
  await guest.goto(t.input.url + "/sign-in?reason=reused");
  await look("sign-in-reason", guest);

  await signIn(t, guest, "anna");
  await there(guest, "/account");
  await look("account", guest);
  await guest.click("#end-others");
  await look("account-question", guest);
  await guest.context().close();

  const admin = await t.tab(await t.person(options), t.input.url + "/sign-in?return_to=/admin");
  await signIn(t, admin, "root");
  await admin.waitForSelector("#charts figure");
  await look("admin-overview", admin);
  await admin.click('.tabs a[href="#users"]');
  await admin.click('#users .link:text-is("anna")');
  await admin.waitForSelector("#person:not([hidden])");
  await look("admin-users", admin);
  for (const part of ["audit", "keys", "feed", "clients"]) {
    await admin.click(`.tabs a[href="#${part}"]`);
    await admin.waitForSelector(`#${part} li, #${part}-none:not([hidden])`);
    await look("admin-" + part, admin);
  }
  await admin.context().close();
}
