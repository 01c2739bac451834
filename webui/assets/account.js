// One's own account: who am I, where am I signed in, what happened.
import { ask, byId, hour, joined, kind, list, made, reason, resting, say, sentence, slot, tell } from "./dom.js";
import { reveals } from "./page.js";
import { call, often, paged, start, trying } from "./session.js";

const device = (s) => s.label || s.agent || say("unknown-device");
const where = (s) => joined(s.label && s.agent, s.address);

function deviceRow(s) {
  const row = made("device", {
    name: device(s), where: where(s), current: s.current ? say("this-device") : "",
    when: sentence("device-when", { last: hour(s.lastUse), since: hour(s.createdAt) }),
  });
  const end = slot(row, "end");
  end.hidden = s.current;
  end.setAttribute("aria-label", say("end-device", { name: device(s), where: s.address ?? "" }));
  end.addEventListener("click", () => trying(() => resting(end, async () => {
    await call("DELETE", "/api/sessions/" + encodeURIComponent(s.id));
    tell(say("ended-device", { name: device(s) }));
    await refresh();
    byId("devices-title").scrollIntoView({ block: "nearest" });
    (byId("end-others").hidden ? byId("who") : byId("end-others")).focus(); // its button is gone
  })));
  return row;
}

function eventRow(e) {
  return made("event", {
    what: joined(kind(e.kind), e.kind !== "reused" && reason(e.reason)),
    where: joined(e.byOperator && say("by-operator"), e.agent, e.address, e.current && say("about-this")),
    when: sentence("around", { time: hour(e.at) }),
  });
}

let shown; // what is on the page
const devices = paged("devices", "sessions", refresh);

async function refresh() {
  const [sessions, { events }] = await Promise.all([devices.read("/api/sessions"), call("GET", "/api/events")]);
  const news = JSON.stringify([sessions, events]);
  if (news === shown) return; // whoever is in the list by keyboard stays there
  shown = news;
  sessions.sort((a, b) => b.current - a.current || b.lastUse.localeCompare(a.lastUse));
  list("devices", sessions.map(deviceRow));
  byId("end-others").hidden = sessions.length < 2;
  list("events", events.map(eventRow));
  byId("events-none").hidden = events.length > 0;
}

function endOthers() {
  const button = byId("end-others");
  button.addEventListener("click", () => trying(async () => {
    const answer = await ask({ title: say("ask-others"), text: say("ask-others-text"), yes: say("do-others") });
    if (answer === null) return;
    const { ended } = await resting(button, () => call("DELETE", "/api/sessions"));
    tell(say("ended-others", { n: ended }));
    await refresh();
    byId("who").focus();
  }));
}

function changePassword(account) {
  byId("password-section").hidden = !account.hasPassword;
  byId("change-user").value = account.userId ?? "";
  const [form, problem] = [byId("change"), byId("change-problem")];
  const wrong = (input, text) => {
    problem.textContent = text;
    problem.hidden = false;
    for (const i of [byId("current"), byId("password")]) {
      i.toggleAttribute("aria-invalid", false);
      if (i === input) i.setAttribute("aria-invalid", "true");
    }
    const help = input === byId("password") ? "rule change-problem" : "change-problem";
    input.setAttribute("aria-describedby", help);
    input.focus();
  };
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    void trying(() => resting(form.querySelector(".primary"), async () => {
      problem.hidden = true;
      const body = { currentPassword: byId("current").value, newPassword: byId("password").value };
      try {
        await call("POST", "/api/password", body);
      } catch (err) {
        if (err.code === "invalid_credentials") return wrong(byId("current"), say("wrong-password"));
        if (err.code === "rate_limited") return wrong(byId("current"), say("wait", { n: err.retryAfter }));
        if (err.code === "invalid_request") return wrong(byId("password"), err.message);
        throw err;
      }
      form.reset();
      for (const i of [byId("current"), byId("password")]) i.removeAttribute("aria-invalid");
      tell(say("changed"));
      await refresh();
    }));
  });
}

await start(async () => {
  const account = await call("GET", "/api/account");
  byId("who").textContent = account.userId ?? account.sub;
  byId("who-lead").textContent = account.roles.length ? say("roles", { roles: account.roles.join(", ") }) : say("no-roles");
  changePassword(account);
  endOthers();
  reveals(say("show"), say("hide"));
  await refresh();
  often(30, refresh);
});
