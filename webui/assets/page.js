// What a form is the better for, and does without: a password that can be shown,
// the code of a link in its field, a wait that counts down, one submission.

export function reveals(show, hide) {
  for (const button of document.querySelectorAll("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    show ??= button.textContent;
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      if (hide) button.textContent = shown ? show : hide;
      input.focus();
    });
    // A browser must not take a shown password for ordinary text and keep it.
    input.form?.addEventListener("submit", () => { input.type = "password"; });
  }
}

// What stands behind # is sent to no server; it leaves the address bar too, and
// goes along when the language is changed.
function codeOfLink() {
  const input = document.getElementById("code");
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!input || !code) return;
  input.value = code;
  history.replaceState(null, "", location.pathname + location.search);
  for (const a of document.querySelectorAll(".languages a")) a.hash = "code=" + encodeURIComponent(code);
}

function countDown(p) {
  const [text, until] = [p.querySelector("span"), performance.now() + 1000 * Number(p.dataset.wait)];
  const of = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "second", unitDisplay: "long" });
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left > 0) text.textContent = of.format(left);
    else { p.hidden = true; clearInterval(id); }
  };
  const id = setInterval(tick, 1000);
}

// A second click sends nothing. Who has stopped the page from loading, which no
// event tells, can send the form again a moment later.
function once(form) {
  let sent = -Infinity;
  form.addEventListener("submit", (e) => {
    const now = performance.now();
    if (now - sent < 3000) e.preventDefault();
    else sent = now;
  });
  addEventListener("pageshow", () => { sent = -Infinity; }); // back again
}

if (document.body.classList.contains("narrow")) {
  reveals();
  codeOfLink();
  document.querySelectorAll("[data-wait]").forEach(countDown);
  document.querySelectorAll("form[data-once]").forEach(once);
}
