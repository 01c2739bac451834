// Tokens of another audience: an instance of their own, beside the page's.
import assert from "node:assert/strict";
import { bearer, problem, signedIn, within } from "./world.mjs";

const audience = "https://pawl.test/admin";
const admin = "https://pawl.test/admin/api/users";

within("each reissue asks for the audience, and no other instance does", async (w) => {
  (await signedIn(w)).close();
  const [page, console] = [w.tab(), w.tab({ audience })];
  await Promise.all([page.ready, console.ready]);
  const asked = w.sent("/api/reissue").slice(-2).map((r) => r.text && JSON.parse(r.text).audience);
  assert.deepEqual(new Set(asked), new Set(["", audience]));
  await console.fetch(admin);
  await page.fetch("https://pawl.test/api/sessions");
  assert.notEqual(bearer(w.sent("/admin/api/users")[0]), bearer(w.sent("/api/sessions")[0]));
  assert.equal(w.sent("/api/reissue").length, 3, "one at the start of each");
});

within("the token of a sign-in is not for it", async (w) => {
  const console = await signedIn(w, { audience });
  const before = w.sent("/api/reissue").length;
  await console.fetch(admin);
  assert.equal(w.sent("/api/reissue").length, before + 1);
  await console.fetch(admin);
  assert.equal(w.sent("/api/reissue").length, before + 1);
});

within("who may not have it is told so, and stays signed in", async (w) => {
  const page = await signedIn(w);
  w.on("/api/reissue", problem(403, "access_denied"), Infinity);
  const console = w.tab({ audience });
  await assert.rejects(console.fetch(admin), (e) => e.code === "access_denied" && e.status === 403);
  await w.settle();
  assert.equal(page.session.sub, "anna");
  assert.equal(w.sent("/admin/api/users").length, 0, "nothing was sent");
});

within("the sessions of both end together", async (w) => {
  const page = await signedIn(w);
  const console = w.tab({ audience });
  await console.fetch(admin);
  await page.logout();
  await w.settle();
  assert.equal(console.session, null);
  assert.equal(console.reason, "signed_out");
});
