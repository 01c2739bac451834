import { createPawl } from "/pawl.min.js";

// What a test can choose by the page's address.
const choice = new URLSearchParams(location.search);
const options = { origins: choice.getAll("origin") };
if (choice.has("pawl")) options.baseURL = choice.get("pawl");
if (choice.has("nolocks")) options.locks = null;
if (choice.has("forgetful")) {
  let key; // a key that is gone with the page
  options.storage = { update: async (change) => (key = change(key)) };
}
if (choice.has("skewed")) {
  window.skew = 0;
  options.clock = {
    now: () => Date.now() + window.skew,
    mono: () => performance.now(),
    after(ms, f) {
      const id = setTimeout(f, ms);
      return () => clearTimeout(id);
    },
  };
}

window.pawl = createPawl(options);
window.news = [];
pawl.onChange((session, reason) => news.push([session?.sub ?? null, reason ?? null]));
