import { attaching } from "./attach.js";
import { age, type Clock, fraction, type Moment, moment, systemClock } from "./clock.js";
import { isOver, isUndecided, PawlError, silence } from "./error.js";
import { type Answer, issuer } from "./issuer.js";
import { keysOf, type KeyStore } from "./key.js";
import { locked, type Locks } from "./lock.js";
import { isSame, type Session, sessionOf } from "./session.js";
import { forgiving, indexedDBStore } from "./store.js";
import { type Channel, type Message, tabs } from "./tabs.js";

/** Options of createPawl. Without any, Pawl is at the page's own origin. */
export interface Options {
  /** Where Pawl is reached: `https://login.example.com`. Its API is at `/api` below. */
  baseURL?: string;
  /** Other origins that `fetch` sends the access token to, each exactly: `https://api.example.com`. */
  origins?: string[];
  /** Carries all requests. */
  fetch?: typeof fetch;
  /** Keeps tabs from reissuing at the same time; null: nothing does, which is right, too. */
  locks?: Locks | null;
  /** Keeps the pending Idempotency-Key, on disk. */
  storage?: KeyStore;
  /** Opens what tabs talk through; null: they do not. */
  channel?: (() => Channel) | null;
  clock?: Clock;
}

/** Is called when somebody has signed in or out, and says why a session is over: a reason of docs/http-api.md. */
export type Listener = (session: Session | null, reason?: string) => void;

/** One person's session in this page. The access token does not leave it, but on requests. */
export interface Pawl {
  /** Who is signed in; null: nobody, or not known yet (see `ready`). */
  readonly session: Session | null;
  /** Why nobody is signed in, where that is known. */
  readonly reason: string | undefined;
  /** Fulfilled once it is known who is signed in, through the cookie. It waits while Pawl cannot be reached. */
  readonly ready: Promise<Session | null>;
  /** Signs in; `label` names the device in the list of sessions. Fails with a PawlError: `invalid_credentials`, `rate_limited` with `retryAfter`, `unavailable`. */
  login(userId: string, password: string, options?: { label?: string }): Promise<Session>;
  /** Signs out, in every tab. If Pawl cannot be reached it fails, and the session stays. */
  logout(): Promise<void>;
  /** Like the page's own, with the access token for Pawl and the origins of the options. */
  fetch: typeof fetch;
  /** Gives a function that ends it. */
  onChange(listener: Listener): () => void;
  /** Lets go of timers and listeners. The session goes on. */
  close(): void;
}

/** Pawl for this page. It looks at once whether somebody is signed in. */
export function createPawl(options: Options = {}): Pawl {
  const { clock = systemClock, locks = globalThis.navigator?.locks } = options;
  const base = new URL(options.baseURL ?? "/", globalThis.location?.href).href.replace(/\/$/, "");
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  const name = "pawl " + base;
  const ask = issuer(send, base);
  const keys = keysOf(forgiving(options.storage ?? indexedDBStore(base), clock), clock, clock.now());
  const listeners = new Set<Listener>();
  const page = globalThis.document;

  let token: string | null = null;
  let got: Moment, life: number, due: number; // of the token: when it was asked for; how long it is good, and until when it is fresh, in ms
  let refused: string | null = null; // a token that a resource server has refused
  let session: Session | null = null;
  let reason: string | undefined;
  let known = false; // who is signed in
  let epoch = 0; // grows with every sign-in and sign-out: what was asked before is of no interest
  let flight: Promise<void> | undefined; // the reissue under way
  let fails = 0, calmTo = -Infinity; // after so many failures, no reissue before, by mono
  let used = true; // since the last reissue
  let stop = () => {}; // the alarm

  let tellReady: (s: Session | null) => void;
  const ready = new Promise<Session | null>((ok) => (tellReady = ok));

  const isGood = () => !!token && token !== refused && age(clock, got) < life;
  const calm = () => Math.max(0, calmTo - clock.mono());
  const inTurn = <T>(f: () => Promise<T>) => locked(locks, name, f);
  /** After the reissue under way: a cookie that it brings must not replace a newer one. */
  const alone = async <T>(f: () => Promise<T>) => {
    await flight?.catch(() => {});
    return inTurn(f);
  };

  function become(next: Session | null, why?: string) {
    const news = !isSame(session, next) || (why && why !== reason);
    session = next;
    reason = why;
    known = true;
    tellReady(next);
    if (news) for (const l of listeners) queueMicrotask(() => l(next, why));
  }

  function adopt(answer: Answer, asked: Moment): Session {
    const next = sessionOf(answer.accessToken);
    token = answer.accessToken;
    refused = null;
    got = asked;
    life = answer.expiresIn * 1000;
    due = life * (1 - fraction() / 10); // a thief must not foresee it
    fails = 0;
    calmTo = -Infinity;
    used = false;
    become(next);
    alarm(due - age(clock, got));
    return next;
  }

  function end(why?: string) {
    epoch++;
    stop();
    token = null;
    become(null, why);
  }

  /** Gives up the session and tells the other tabs. */
  function endEverywhere(why?: string) {
    if (session) others.tell({ out: session.sid, reason: why ?? "unknown" });
    end(why);
  }

  function alarm(ms: number) {
    stop();
    stop = clock.after(ms, check);
  }

  /** Reissues if that is due, and somebody looks at this tab or uses it. */
  function check() {
    if (known && (!session || (page?.hidden && !used))) return;
    const left = Math.max(known ? due - age(clock, got) : 0, calm());
    left > 0 ? alarm(left) : renew().catch(() => {});
  }

  /** Reissues, once for all who want it. */
  const renew = () => (flight ??= inTurn(reissue).finally(() => (flight = undefined)));

  async function reissue() {
    const mine = epoch;
    const use = await keys.next();
    const asked = moment(clock);
    try {
      const headers: Record<string, string> = { "Idempotency-Key": use.key };
      if (isGood()) headers["Authorization"] = "Bearer " + token; // a session idle for too long goes on with it
      const answer = await ask<Answer>("POST", "/api/reissue", headers);
      if (!answer?.accessToken) throw silence();
      await keys.succeeded(use);
      keys.retireLater(use);
      if (mine !== epoch) return;
      adopt(answer, asked);
      others.tell({ turned: true });
    } catch (e) {
      if (!isOver(e)) {
        await keys.failed(use);
        rest(e);
        throw e;
      }
      await keys.drop(use);
      if (mine !== epoch) return;
      const had = session;
      endEverywhere(e.reason ?? (had ? "unknown" : undefined));
      if (had) throw e;
    }
  }

  /** Waits longer after each failure, and as long as Pawl asks for. */
  function rest(e: unknown) {
    const asked = (e as PawlError).retryAfter * 1000 || 0;
    calmTo = clock.mono() + Math.max(asked, Math.min(60_000, 500 * 2 ** fails++)) * (1 + fraction());
    alarm(calm());
  }

  const bearer = {
    get session() {
      return session;
    },
    async token() {
      used = true;
      for (let tries = 1; !known || session; tries++) {
        if (isGood()) {
          check();
          return token;
        }
        try {
          await renew();
        } catch (e) {
          if (tries > 2 || !isUndecided(e) || calm() > 5_000) throw e;
          await new Promise<void>((ok) => clock.after(calm(), ok));
        }
      }
      return null;
    },
    refuse(t: string) {
      if (t === token) refused = t;
    },
  };

  async function login(userId: string, password: string, { label = "" } = {}): Promise<Session> {
    const next = await alone(async () => {
      const asked = moment(clock);
      const answer = await ask<Answer>("POST", "/api/login", {}, { userId, password, ...(label && { label }) });
      epoch++;
      return adopt(answer, asked);
    });
    others.tell({ in: next.sid });
    return next;
  }

  async function logout(): Promise<void> {
    await alone(async () => {
      try {
        await ask("POST", "/api/logout", isGood() ? { Authorization: "Bearer " + token } : {});
      } catch (e) {
        if (!isOver(e) && (e as PawlError).code !== "access_denied") throw e; // there is nothing to sign out of
      }
      endEverywhere("signed_out");
    });
  }

  async function heard(m: Message) {
    if ("out" in m) {
      if (m.out === session?.sid) end(m.reason);
    } else if ("in" in m) {
      if (m.in === session?.sid) return;
      epoch++;
      refused = token;
      known = false;
      await flight?.catch(() => {}); // it was sent with the cookie of before
      renew().catch(() => {});
    } else if (session && age(clock, got) >= life * 0.9) {
      due = 0;
      check();
    }
  }

  const others = tabs(
    options.channel === undefined
      ? globalThis.BroadcastChannel && (() => new BroadcastChannel(name))
      : (options.channel ?? undefined),
    heard,
  );

  const off = new AbortController();
  const on = (target: EventTarget | undefined, type: string, f: (e: Event) => void) =>
    target?.addEventListener?.(type, f, { signal: off.signal });
  on(page, "visibilitychange", check);
  on(globalThis as unknown as EventTarget, "pagehide", others.close);
  on(globalThis as unknown as EventTarget, "pageshow", (e) => {
    others.open();
    if (!(e as PageTransitionEvent).persisted) return;
    due = 0; // what happened while the page was in the back/forward cache, nobody told it
    check();
  });
  on(globalThis as unknown as EventTarget, "online", () => {
    calmTo = -Infinity;
    check();
  });

  check();
  return {
    get session() {
      return session;
    },
    get reason() {
      return reason;
    },
    ready,
    login,
    logout,
    fetch: attaching(send, bearer, new Set([base, ...(options.origins ?? [])].map((o) => new URL(o).origin)), base),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      off.abort();
      stop();
      others.close();
    },
  };
}
