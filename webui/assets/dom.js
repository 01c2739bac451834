// Small helpers for pages that are filled in by a script. Text goes in as text:
// nothing here makes markup of what came over the network.

const words = new Map([...document.getElementById("words").content.children].map((d) => [d.value, d.textContent]));
const lang = document.documentElement.lang;
/** The reader's own kind of the language: en-GB writes times as en does not. */
const locale = navigator.languages.find((l) => l.split("-")[0] === lang) ?? lang;

export const byId = (id) => document.getElementById(id);

/** A message in the page's language, with its places filled in. */
export function say(key, values = {}) {
  return (words.get(key) ?? key).replace(/\{(\w+)\}/g, (m, name) => values[name] ?? m);
}
export const knows = (key) => words.has(key);
export const keys = (prefix) => [...words.keys()].filter((k) => k.startsWith(prefix));

/** A copy of a template, with texts, nodes or nothing put into its slots. */
export function made(template, slots) {
  const e = byId(template).content.firstElementChild.cloneNode(true);
  for (const [name, value] of Object.entries(slots)) {
    e.querySelector(`[data-slot="${name}"]`).append(...[value ?? ""].flat());
  }
  return e;
}
export const slot = (e, name) => e.querySelector(`[data-slot="${name}"]`);

/** The list of what there is in the place of what was there. */
export const list = (id, items) => byId(id).replaceChildren(...items);

const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const hourly = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** A time in the reader's own zone. */
export function time(iso, format = exact) {
  const e = document.createElement("time");
  e.dateTime = iso;
  e.textContent = format.format(new Date(iso));
  return e;
}
export const hour = (iso) => time(iso, hourly);

/** A message with nodes in its places. */
export function sentence(key, nodes) {
  return say(key).split(/(\{\w+\})/).map((part) => nodes[part.slice(1, -1)] ?? part);
}

export const number = (n) => new Intl.NumberFormat(locale).format(n);
export const joined = (...parts) => parts.filter(Boolean).join(" · ");
export const kind = (k) => (knows("kind." + k) ? say("kind." + k) : k);
export const reason = (r) => (!r ? "" : knows("reason." + r) ? say("reason." + r) : r);

let quiet;
/** Says it at the foot of the page, and to a screen reader. */
export function tell(text) {
  byId("status").textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => (byId("status").textContent = ""), 8000);
}

/** Asks before something that matters; gives the reason that was typed, or null for no. */
export function ask({ title, text, yes, why = false, danger = false }) {
  const d = byId("ask");
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-yes").textContent = yes;
  byId("ask-yes").classList.toggle("danger", danger);
  byId("ask-yes").classList.toggle("primary", !danger);
  byId("ask-why-field").hidden = !why;
  byId("ask-why").required = why;
  byId("ask-why").value = "";
  d.returnValue = "no";
  d.showModal();
  return new Promise((ok) => d.addEventListener("close", () => ok(d.returnValue === "yes" ? byId("ask-why").value.trim() : null), { once: true }));
}

/** Runs f while the button rests. */
export async function resting(button, f) {
  button.disabled = true;
  try {
    return await f();
  } finally {
    button.disabled = false;
  }
}
