// The whole application. Of tokens it knows nothing: it signs in, and uses
// pawl.fetch where it would use fetch.
import { createPawl, PawlError } from "/pawl.min.js";

const pawl = createPawl();
const $ = (id) => document.getElementById(id);

// What people read when their session is over, by reason.
const reasons = {
  expired: "You were away for long. Sign in again.",
  signed_out: "You have signed out.",
  signed_out_elsewhere: "You ended this session from another device.",
  ended_by_admin: "An administrator ended this session.",
  password_changed: "Your password was changed. Sign in with the new one.",
  session_limit: "You have signed in on another device, and this session gave way.",
  disabled: "This account is disabled.",
  reused: "Somebody else used this session: it may have been stolen, and was ended for both. Sign in again, and look through your devices.",
  unknown: "This session is over. Sign in again.",
};

function show(session, reason) {
  $("who").textContent = session ? `Signed in as ${session.sub}` : "Not signed in";
  $("logout").hidden = $("signed-in").hidden = !session;
  $("signed-out").hidden = !!session;
  $("reason").hidden = !reason;
  $("reason").textContent = reasons[reason] ?? "";
  if (!session) $("orders").replaceChildren();
}

function tell(who, text) {
  const item = document.createElement("li");
  const name = document.createElement("b");
  item.dataset.who = who;
  name.textContent = { pawl: "Pawl", api: "API", network: "Network", time: "Time", thief: "Thief", you: "You", page: "This page" }[who];
  item.append(name, text);
  $("entries").prepend(item);
}

// note tells of this page itself, when what the server tells has had time to come.
const note = (text) => setTimeout(() => tell("page", text), 150);

// press has a button do one thing at a time.
function press(id, f) {
  $(id).addEventListener("click", async () => {
    $(id).disabled = true;
    try {
      await f();
    } catch (e) {
      note(e instanceof PawlError ? e.detail : "The request failed.");
    }
    $(id).disabled = false;
  });
}

async function load() {
  const answer = await pawl.fetch("/orders");
  if (!answer.ok) return;
  const { orders } = await answer.json();
  $("orders").replaceChildren(...orders.map((o) => Object.assign(document.createElement("li"), { textContent: o })));
  note("Shows the orders.");
}

const demo = (what) => fetch(`/demo/${what}`, { method: "POST" });

press("load", load);
press("logout", () => pawl.logout());
press("expire", async () => {
  await demo("expire");
  await load();
});
press("drop", async () => {
  await demo("drop");
  await load();
});
press("steal", async () => {
  await demo("steal");
  await load();
  await demo("thief");
});
press("elsewhere", async () => {
  await demo("elsewhere");
  await load();
});

$("sign-in").addEventListener("submit", async (e) => {
  e.preventDefault();
  $("error").textContent = "";
  const { user, password } = e.target.elements;
  try {
    await pawl.login(user.value, password.value, { label: "Kettles & Co" });
  } catch (e) {
    $("error").textContent = e.retryAfter ? `${e.detail} (in ${e.retryAfter} s)` : e.detail;
  }
});

pawl.onChange((session, reason) => {
  show(session, reason);
  note(session ? `Knows that ${session.sub} is signed in.` : `Signed out. ${reasons[reason] ?? ""}`);
});
new EventSource("/demo/journal").onmessage = (e) => {
  const { who, text } = JSON.parse(e.data);
  tell(who, text);
};
show(await pawl.ready, pawl.reason);
