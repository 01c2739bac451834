// Finding people, and what an administrator does to them.
import { ask, byId, joined, list, made, resting, say, sentence, slot, tell, time } from "./dom.js";
import { call, paged, trying } from "./session.js";

const path = (u) => "/admin/api/users/" + encodeURIComponent(u.id);
const name = (u) => u.userId || u.id;
const because = (why) => "?" + new URLSearchParams({ why });

let next; // the page after the one that is shown
let person; // who is looked at
let theirs; // sessions

function userRow(u) {
  const row = made("user", {
    name: name(u), detail: joined(u.roles.join(", "), !u.hasPassword && say("no-password")), state: u.disabled ? say("disabled") : "",
  });
  slot(row, "state").classList.toggle("bad", u.disabled);
  slot(row, "name").addEventListener("click", () => trying(() => open(u.id)));
  return row;
}

async function find(after) {
  const q = new URLSearchParams({ limit: 20 });
  const search = byId("search").value.trim();
  if (search) q.set("search", search);
  if (after) q.set("after", after);
  const page = await call("GET", "/admin/api/users?" + q);
  const rows = page.users.map(userRow);
  if (after) byId("users").append(...rows);
  else list("users", rows);
  next = page.next;
  byId("users-more").hidden = !page.more;
  byId("users-none").hidden = byId("users").children.length > 0;
}

async function open(id) {
  person = await call("GET", "/admin/api/users/" + encodeURIComponent(id));
  byId("offer").hidden = true;
  theirs.first();
  await show();
  byId("person").hidden = false;
  byId("person-title").focus();
}

async function show() {
  byId("person-title").textContent = name(person);
  byId("person-detail").textContent = joined(say("subject", { sub: person.id }), person.roles.join(", "), person.disabled && say("disabled"));
  byId("person-disable").textContent = say(person.disabled ? "enable" : "disable");
  byId("person-disable").classList.toggle("danger", !person.disabled);
  const sessions = await theirs.read(path(person) + "/sessions");
  list("person-sessions", sessions.length ? sessions.map(sessionRow) : [nothing()]);
}

function nothing() {
  const li = document.createElement("li");
  li.className = "detail";
  li.textContent = say("no-sessions");
  return li;
}

function sessionRow(s) {
  const row = made("session", {
    name: s.label || s.agent || say("unknown-device"), where: joined(s.label && s.agent, s.address),
    when: sentence("session-when", { last: time(s.lastUse), since: time(s.createdAt) }),
  });
  const end = slot(row, "end");
  end.setAttribute("aria-label", say("end-session", { name: s.agent || say("unknown-device"), where: s.address ?? "" }));
  end.addEventListener("click", () => act(end, "ask-end", "do-end", async (why) => {
    await call("DELETE", `${path(person)}/sessions/${encodeURIComponent(s.id)}` + because(why));
    return say("done");
  }));
  return row;
}

/** Asks for the reason, does it, and shows what became of it. */
function act(button, question, yes, f, danger = true) {
  return trying(async () => {
    const why = await ask({ title: say(question, { name: name(person) }), text: say(question + "-text"), yes: say(yes), why: true, danger });
    if (why === null) return;
    const done = await resting(button, () => f(why));
    person = await call("GET", path(person));
    await Promise.all([show(), find()]);
    tell(done);
    byId("person-title").focus();
  });
}

function acts() {
  byId("person-disable").addEventListener("click", (e) => {
    const on = person.disabled;
    return act(e.target, on ? "ask-enable" : "ask-disable", on ? "enable" : "disable", async (why) => {
      await call("PATCH", path(person) + because(why), { disabled: !on });
      return say("done");
    }, !on);
  });
  byId("person-end").addEventListener("click", (e) => act(e.target, "ask-end-all", "do-end-all", async (why) => {
    const { ended } = await call("DELETE", path(person) + "/sessions" + because(why));
    return say("ended-n", { n: ended });
  }));
  byId("person-reset").addEventListener("click", (e) => act(e.target, "ask-reset", "do-reset", async (why) => {
    const offer = await call("POST", path(person) + "/reset" + because(why));
    byId("offer-link").textContent = offer.link ?? offer.code;
    byId("offer").hidden = false;
    return say("done");
  }, false));
  byId("offer-copy").addEventListener("click", () => trying(async () => {
    await navigator.clipboard.writeText(byId("offer-link").textContent);
    tell(say("copied"));
  }));
  byId("person-close").addEventListener("click", () => {
    byId("person").hidden = true;
    byId("offer-link").textContent = "";
    byId("search").focus();
  });
}

let ready = false;
export async function users() {
  if (!ready) {
    ready = true;
    theirs = paged("person-sessions", "sessions", show);
    byId("find").addEventListener("submit", (e) => {
      e.preventDefault();
      void trying(() => find());
    });
    byId("users-more").addEventListener("click", () => trying(() => find(next)));
    acts();
  }
  await find();
}
