// A world for one cookie jar without a browser: an issuer that can fail in every
// way, tabs, a clock that is moved by hand.
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { createPawl } from "../dist/index.js";

globalThis.crypto ??= webcrypto; // Node 18 has it in a module only

export class World {
  constructor() {
    this.time = 1_700_000_000_000;
    this.asleep = 0; // how long the monotonic clock stood still
    this.timers = [];
    this.early = 0; // by how many ms timers go off too early, as they do in browsers
    this.key = undefined; // on disk
    this.requests = []; // to the issuer and to APIs
    this.answers = []; // instead of the usual: functions of a request
    this.ttl = 1800;
    this.serial = 0;
    this.user = null; // whom the cookie is of
    this.sid = 0;
    this.channels = new Set();
    this.tabs = [];
    this.clock = {
      now: () => this.time,
      mono: () => this.time - this.asleep,
      after: (ms, f) => {
        const timer = { at: this.time - this.asleep + Math.max(ms - this.early, ms / 2), f };
        this.timers.push(timer);
        return () => (this.timers = this.timers.filter((t) => t !== timer));
      },
    };
    this.storage = {
      update: async (change) => {
        this.key = change(this.key && { ...this.key });
        return this.key;
      },
    };
  }

  // tab is a page that was just loaded.
  tab(options = {}) {
    const pawl = createPawl({
      baseURL: "https://pawl.test", fetch: (input, init) => this.fetch(new Request(input, init)), locks: null,
      storage: this.storage, clock: this.clock, channel: () => this.channel(), ...options,
    });
    pawl.news = [];
    pawl.onChange((session, reason) => pawl.news.push([session?.sub ?? null, reason]));
    this.tabs.push(pawl);
    return pawl;
  }

  channel() {
    const one = {
      onmessage: null,
      postMessage: (data) => {
        for (const other of this.channels) if (other !== one) queueMicrotask(() => other.onmessage?.({ data: structuredClone(data) }));
      },
      close: () => this.channels.delete(one),
    };
    this.channels.add(one);
    return one;
  }

  // settle lets everything happen that needs no time.
  async settle() {
    for (let i = 0; i < 40; i++) await new Promise((ok) => setImmediate(ok));
  }

  // pass lets time go by, timer by timer.
  async pass(ms, { asleep = false } = {}) {
    const end = this.time + ms;
    if (asleep) {
      this.time = end;
      this.asleep += ms;
      return this.settle();
    }
    for (;;) {
      await this.settle();
      const next = this.timers.reduce((a, b) => (a && a.at <= b.at ? a : b), undefined);
      if (!next || next.at + this.asleep > end) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.time = Math.max(this.time, next.at + this.asleep);
      next.f();
    }
    this.time = end;
    await this.settle();
  }

  async fetch(request) {
    this.requests.push(request);
    const path = new URL(request.url).pathname;
    request.path = path;
    request.text = await request.clone().text();
    const answer = this.answers.find((a) => a.path === path);
    if (answer) {
      if (--answer.times === 0) this.answers = this.answers.filter((a) => a !== answer);
      return answer.give(request);
    }
    if (path === "/api/login") {
      const { userId, password } = JSON.parse(request.text);
      if (password !== "right") return problem(401, "invalid_credentials");
      this.user = userId;
      this.sid++;
      return this.tokens();
    }
    if (path === "/api/reissue") return this.user ? this.tokens() : problem(401, "invalid_token");
    if (path === "/api/logout") {
      this.user = null;
      return new Response(null, { status: 204 });
    }
    return new Response(request.text || "an answer");
  }

  // on answers the next requests to a path.
  on(path, give, times = 1) {
    this.answers.push({ path, give: typeof give === "function" ? give : () => give.clone(), times });
  }

  tokens(more = {}) {
    const seconds = Math.floor(this.time / 1000);
    const claims = { sub: this.user, sid: `sid-${this.sid}`, roles: ["reader"], auth_time: seconds, exp: seconds + this.ttl, jti: `${++this.serial}`, ...more };
    const accessToken = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.secret${this.serial}`;
    return Response.json({ accessToken, tokenType: "Bearer", expiresIn: this.ttl, sessionId: claims.sid });
  }

  sent(path) {
    return this.requests.filter((r) => r.path === path);
  }

  close() {
    for (const t of this.tabs) t.close();
  }
}

export function problem(status, code, reason, headers = {}) {
  const challenge = { "WWW-Authenticate": 'Bearer realm="pawl"' + (code === "invalid_credentials" || code === "access_denied" ? "" : `, error="invalid_token", error_description="${code}"`) };
  return new Response(JSON.stringify({ status, code, reason, detail: `detail of ${code}` }), {
    status, headers: { "Content-Type": "application/problem+json", ...(status === 401 && challenge), ...headers },
  });
}

export const broken = () => Promise.reject(new TypeError("Failed to fetch"));

export const minute = 60_000;

// within runs a test in a world of its own.
export const within = (name, f) =>
  test(name, async () => {
    const w = new World();
    try {
      await f(w);
    } finally {
      w.close();
    }
  });

// signedIn gives a tab in which anna has signed in.
export async function signedIn(w, options) {
  const tab = w.tab(options);
  await tab.ready;
  await tab.login("anna", "right");
  return tab;
}

// bearer gives the signature of a request's token.
export const bearer = (r) => r.headers.get("Authorization")?.split(".")[2] ?? null;
