// Keys, followers of the feed, and registered clients.
import { ask, byId, joined, list, made, resting, say, sentence, slot, tell, time } from "./dom.js";
import { call, paged, trying } from "./session.js";

function keyRow(k) {
  const when = sentence("key-when", { from: time(k.signsFrom) });
  if (k.diesAt) when.push(" · ", ...sentence("key-dies", { dies: time(k.diesAt) }));
  const row = made("thing", { name: say("use-" + k.use), detail: joined(k.algorithm, k.kid), when, state: say("state-" + k.state) });
  return row;
}

async function showKeys() {
  const { keys } = await call("GET", "/admin/api/keys");
  list("keys", keys.toReversed().map(keyRow));
}

let ready = false;
export async function keys() {
  if (!ready) {
    ready = true;
    const button = byId("keys-rotate");
    button.addEventListener("click", () => trying(async () => {
      const why = await ask({ title: say("ask-rotate"), text: say("ask-rotate-text"), yes: say("do-rotate"), why: true });
      if (why === null) return;
      await resting(button, () => call("POST", "/admin/api/keys?" + new URLSearchParams({ why }), { use: "access" }));
      await showKeys();
      tell(say("done"));
    }));
  }
  await showKeys();
}

let followed;
export async function feed() {
  followed ??= paged("feed", "followers", feed);
  const followers = await followed.read("/admin/api/feed");
  byId("feed-none").hidden = followers.length > 0;
  list("feed", followers.map((f) => {
    const late = !f.currentAt || f.behindSeconds > 3;
    const row = made("thing", {
      name: f.clientId, detail: sentence("connected", { time: time(f.connectedAt), address: f.address ?? "" }),
      state: f.currentAt ? say("behind", { n: f.behindSeconds.toFixed(1) }) : say("catching-up"),
    });
    slot(row, "state").classList.toggle("bad", late);
    return row;
  }));
}

let registered;
export async function clients() {
  registered ??= paged("clients", "clients", clients);
  const all = await registered.read("/admin/api/clients");
  byId("clients-none").hidden = all.length > 0;
  list("clients", all.map((c) => made("thing", {
    name: c.id, detail: c.scopes.join(", "), when: sentence("client-when", { time: time(c.createdAt) }),
  })));
}
