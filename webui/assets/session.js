// The session of a page that needs one, and calls in its name.
import { createPawl, PawlError } from "./pawl.js";
import { byId, say, tell } from "./dom.js";

const pawl = createPawl();
let administration; // its tokens are for /admin/api alone: no other service is sent them

/** What has the tokens that open the path. */
function opener(path) {
  if (!path.startsWith("/admin/api/") || !pawl.session) return pawl;
  return (administration ??= createPawl({ audience: pawl.session.claims.iss + "/admin" }));
}

/** To the sign-in page, with the reason; nothing of a person stays behind. */
function leave(reason) {
  byId("main").replaceChildren();
  const q = new URLSearchParams({ return_to: location.pathname });
  if (reason) q.set("reason", reason);
  location.replace("/sign-in?" + q);
}

/** Calls the API. Gives what is in the answer, or throws its problem document. */
export async function call(method, path, body) {
  const answer = await opener(path).fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const text = await answer.text();
  if (answer.ok) return text ? JSON.parse(text) : null;
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { code: "unavailable", detail: String(answer.status) };
  }
  if (problem.code === "login_required") leave(problem.reason);
  throw Object.assign(new Error(problem.detail), { code: problem.code, retryAfter: Number(answer.headers.get("Retry-After")) || 0 });
}

/** Runs f, and says what went wrong, if something did. */
export async function trying(f) {
  try {
    return await f();
  } catch (e) {
    const silent = e instanceof TypeError || (e instanceof PawlError && e.status === 0);
    tell(silent ? say("offline") : say("trouble", { detail: e.message }));
  }
}

/** Shows the page once it is known who is signed in; f fills it. */
export async function start(f) {
  let gone = false;
  pawl.onChange((session, reason) => {
    if (session || gone) return;
    gone = true;
    leave(reason);
  });
  byId("sign-out").addEventListener("submit", (e) => {
    e.preventDefault();
    void trying(async () => {
      gone = true;
      await pawl.logout().catch((err) => { gone = false; throw err; });
      location.replace("/sign-in?done=signed-out");
    });
  });
  const session = await pawl.ready;
  if (!session) return gone || leave(pawl.reason);
  if (session.roles?.includes("admin") && byId("to-admin")) byId("to-admin").hidden = false;
  await trying(() => f(session));
  byId("waiting").hidden = true;
  byId("main").hidden = false;
}

/** Runs f now and then while somebody looks, and when they come back. */
export function often(seconds, f) {
  setInterval(() => { if (document.visibilityState === "visible") void trying(f); }, seconds * 1000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") void trying(f); });
  addEventListener("pageshow", (e) => { if (e.persisted) void trying(f); });
}

/**
 * Makes a list of the API that comes in pages: `read` gives the pages that are shown,
 * joined, and its button shows one more by `show`.
 */
export function paged(id, member, show) {
  let shown = 1;
  const button = byId(id + "-more");
  button.addEventListener("click", () => trying(async () => {
    shown++;
    await show();
  }));
  return {
    first: () => (shown = 1),
    async read(path) {
      const all = [];
      let next;
      for (let i = 0; i < shown && (i === 0 || next); i++) {
        const page = await call("GET", path + (next ? "?" + new URLSearchParams({ after: next }) : ""));
        all.push(...page[member]);
        next = page.next;
      }
      button.hidden = !next;
      return all;
    },
  };
}
