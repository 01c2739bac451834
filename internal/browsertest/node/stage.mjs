import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// What a test in Chromium needs: browsers, tabs that are watched, and a way to
// call the Go side.

const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
  "--ignore-certificate-errors", // the servers' certificates are made for the test
];

export class Stage {
  constructor(settings, shared) {
    this.settings = settings;
    this.shared = shared; // what the tests of a run have in common: a Chromium
    this.contexts = [];
    this.figures = {};
    this.input = settings.input;
    this.playwright = createRequire(join(settings.modules, "package.json"))("playwright-core");
    this.browsers = [];
    this.tabs = [];
    this.folders = [];
  }

  // call runs a function of Scenario.Control and gives what it gave.
  async call(name, argument = null) {
    const answer = await fetch(`${this.settings.control}/${name}`, { method: "POST", body: JSON.stringify(argument) });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${name}: ${body}`);
    return body;
  }

  // figure tells a number that a person may want to know; nothing is judged by it.
  figure(name, value) {
    this.figures[name] = String(value);
  }

  // profile gives an empty folder for a browser's own files.
  profile() {
    const folder = mkdtempSync(join(tmpdir(), "pawl-chromium-"));
    this.folders.push(folder);
    return folder;
  }

  // person gives a browser context: a cookie jar of its own, in a Chromium that
  // all persons share. Options are those of newContext.
  async person(options = {}) {
    if (!this.shared.browser?.isConnected()) {
      this.shared.browser = await this.playwright.chromium.launch({ executablePath: this.settings.chromium, args: flags });
    }
    const context = await this.shared.browser.newContext({ ignoreHTTPSErrors: true, ...options });
    this.contexts.push(context);
    return this.watched(context);
  }

  // browser starts a Chromium whose files are in the folder and survive it. It can
  // be quit, as a person does, and killed, as a power cut does.
  async browser(folder) {
    rmSync(join(folder, "DevToolsActivePort"), { force: true }); // of a browser that was killed
    const program = spawn(this.settings.chromium, [...flags, `--user-data-dir=${folder}`, "--remote-debugging-port=0", "about:blank"], {
      detached: true, stdio: "ignore",
    });
    const gone = new Promise((ok) => program.once("exit", ok));
    const kill = async () => {
      try {
        process.kill(-program.pid, "SIGKILL");
      } catch {} // it is gone
      await gone;
    };
    this.browsers.push({ kill });
    const remote = await this.playwright.chromium.connectOverCDP(await debuggerOf(folder, gone));
    const context = this.watched(remote.contexts()[0]);
    const quit = async () => {
      const session = await remote.newBrowserCDPSession();
      await session.send("Browser.close").catch(() => {});
      await gone;
    };
    return { context, kill, quit };
  }

  // watched keeps what the pages of a context say: see tab.
  watched(context) {
    context.on("page", (page) => this.watch(page));
    for (const page of context.pages()) this.watch(page);
    return context;
  }

  watch(page) {
    const log = { console: [], errors: [], csp: [], failed: [], urls: [] };
    page.log = log;
    this.tabs.push(page);
    page.on("console", (m) => (/Content Security Policy|\[csp\]/.test(m.text()) ? log.csp : log.console).push(m.text()));
    page.on("pageerror", (e) => log.errors.push(String(e)));
    page.on("requestfailed", (r) => log.failed.push(`${r.method()} ${r.url()} ${r.failure()?.errorText}`));
    page.on("framenavigated", (f) => log.urls.push(f.url()));
  }

  // tab opens a page of the context and tells of violations of its content security policy.
  async tab(context, url) {
    const page = await context.newPage();
    await page.addInitScript(() =>
      addEventListener("securitypolicyviolation", (e) => console.log("[csp]", e.violatedDirective, e.blockedURI, e.sourceFile)),
    );
    await page.goto(url);
    return page;
  }

  // until waits for a condition, for at most a minute. It gives what the condition gave.
  async until(what, condition, seconds = 60) {
    let last;
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
      try {
        if ((last = await condition())) return last;
      } catch (e) {
        last = e;
      }
    }
    throw new Error(`waited ${seconds} s in vain for: ${what} (last: ${last})`);
  }

  said() {
    return this.tabs.map((p) => `\n-- ${p.url()}\n${JSON.stringify(p.log, null, 1)}`).join("");
  }

  async close() {
    for (const c of this.contexts) await c.close().catch(() => {});
    for (const b of this.browsers) await b.kill().catch(() => {});
    for (const f of this.folders) rmSync(f, { recursive: true, force: true, maxRetries: 5 });
  }
}

// debuggerOf waits until a browser has written down where it takes commands.
async function debuggerOf(folder, gone) {
  let ended = false;
  gone.then(() => (ended = true));
  for (let tries = 0; tries < 3000 && !ended; tries++) {
    try {
      const [port, path] = readFileSync(join(folder, "DevToolsActivePort"), "utf8").split("\n");
      if (path) return `ws://127.0.0.1:${port}${path}`;
    } catch {} // not yet
    await sleep(20);
  }
  throw new Error(ended ? "Chromium ended by itself" : "Chromium does not say where it takes commands");
}
