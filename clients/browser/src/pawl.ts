import { accessToken } from "./access.js";
import { attaching } from "./attach.js";
import { type Moment, moment, systemClock } from "./clock.js";
import { isOver, isUndecided, PawlError, silence } from "./error.js";
import { type Answer, issuer, signInPatience } from "./issuer.js";
import { keysOf } from "./key.js";
import { locked } from "./lock.js";
import { pacing } from "./pace.js";
import { isHidden, watchPage } from "./page.js";
import { isSame, type Session, sessionOf } from "./session.js";
import { forgiving, indexedDBStore } from "./store.js";
import { type Message, tabs } from "./tabs.js";
import type { Listener, Options, Pawl } from "./types.js";

const whenUndecided = (e: unknown) => {
  if (!isUndecided(e)) throw e;
};

/** Pawl for this page. It looks at once whether somebody is signed in. */
export function createPawl(options: Options = {}): Pawl {
  const { audience, clock = systemClock, locks = globalThis.navigator?.locks } = options;
  const base = new URL(options.baseURL ?? "/", globalThis.location?.href).href.replace(/\/$/, "");
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  const name = "pawl " + base;
  const ask = issuer(send, base);
  const keys = keysOf(forgiving(options.storage ?? indexedDBStore(base), clock), clock, clock.now());
  const access = accessToken(clock);
  const pace = pacing(clock);
  const listeners = new Set<Listener>();
  const off = new AbortController();

  let session: Session | null = null;
  let reason: string | undefined;
  let known = false; // who is signed in
  let epoch = 0; // grows with every sign-in and sign-out: what was asked before is of no interest
  let flight: Promise<void> | undefined; // the reissue under way
  let used = true; // since the last reissue
  let stop = () => {}; // the alarm
  let tellReady: (s: Session | null) => void;
  const ready = new Promise<Session | null>((ok) => (tellReady = ok));

  function become(next: Session | null, why?: string) {
    const news = !isSame(session, next) || (why && why !== reason);
    session = next;
    reason = why;
    known = true;
    tellReady(next);
    if (news) for (const l of listeners) queueMicrotask(() => l(next, why)); // what one throws is not the others' business
  }

  function adopt(answer: Answer, asked: Moment): Session {
    const next = sessionOf(answer.accessToken);
    access.take(answer, asked);
    pace.succeeded();
    used = false;
    become(next);
    check();
    return next;
  }

  function end(why?: string) {
    epoch++;
    access.drop();
    become(null, why);
  }

  function endEverywhere(why?: string) {
    if (session) others.tell({ out: session.sid, reason: why ?? "unknown" });
    end(why);
  }

  /** Reissues when that is due, if somebody looks at this tab or uses it. */
  function check() {
    stop();
    if (off.signal.aborted || (known && (!session || (isHidden() && !used)))) return;
    const left = Math.max(known ? access.left() : 0, pace.left());
    if (left > 0) stop = clock.after(left, check);
    else renew().catch(() => {});
  }

  const inTurn = <T>(f: () => Promise<T>) => locked(locks, name, f);

  /** Reissues, once for all who want it. */
  const renew = () => (flight ??= inTurn(reissue).finally(() => (flight = undefined)));

  async function reissue() {
    const mine = epoch;
    const use = await keys.next();
    const asked = moment(clock);
    const proof = access.good(); // a session that was idle for too long goes on with it
    try {
      const answer = await ask<Answer>("/api/reissue", { "Idempotency-Key": use.key }, proof, audience ? { audience } : undefined);
      if (!answer?.accessToken) throw silence();
      await keys.succeeded(use);
      keys.retireLater(use);
      if (mine !== epoch) return;
      adopt(answer, asked);
      others.tell({ turned: true });
    } catch (e) {
      await (isOver(e) ? refused(e) : undecided(e));
    }

    async function undecided(e: unknown) {
      await keys.failed(use);
      pace.failed(e);
      check();
      throw e;
    }

    async function refused(e: PawlError) {
      await keys.drop(use);
      if (mine !== epoch) return;
      const had = session;
      endEverywhere(e.reason ?? (had ? "unknown" : undefined));
      if (had) throw e;
    }
  }

  const bearer = {
    get session() {
      return session;
    },
    async token() {
      used = true;
      for (let tries = 0; !known || session; tries++) {
        const token = access.good();
        if (token) {
          check();
          return token;
        }
        // The first try is made at once, unless Pawl has asked for patience.
        const wait = tries ? pace.left() : pace.asked();
        if (wait > 5_000 || tries > 2) throw pace.why() ?? silence();
        if (wait) await new Promise<void>((ok) => clock.after(wait, ok));
        // A moment is left where the timer went off early; a longer wait is that of the alarm, which has tried in vain.
        if (!tries || pace.left() < 50) await renew().catch(whenUndecided);
      }
      return null;
    },
    refuse: access.refuse,
  };

  /** Not while a reissue is under way: the cookie that it brings must not replace a newer one. */
  const alone = async <T>(f: () => Promise<T>) => {
    await flight?.catch(() => {});
    return inTurn(f);
  };

  async function login(userId: string, password: string, { label }: { label?: string } = {}): Promise<Session> {
    const next = await alone(async () => {
      const asked = moment(clock);
      const answer = await ask<Answer>("/api/login", {}, null, { userId, password, label }, signInPatience);
      epoch++;
      const next = adopt(answer, asked);
      if (audience) access.refuse(); // it is for the others
      return next;
    });
    others.tell({ in: next.sid });
    return next;
  }

  const logout = () =>
    alone(async () => {
      try {
        await ask("/api/logout", {}, access.good());
      } catch (e) {
        if (!isOver(e) && (e as PawlError).code !== "access_denied") throw e; // there is nothing to sign out of
      }
      endEverywhere("signed_out");
    });

  async function heard(m: Message) {
    if ("out" in m) {
      if (m.out === session?.sid) end(m.reason);
    } else if ("in" in m) {
      if (m.in === session?.sid) return;
      epoch++;
      access.refuse();
      known = false;
      await flight?.catch(() => {}); // it was sent with the cookie of before
      renew().catch(() => {});
    } else if (access.isOld()) {
      access.hasten();
      check();
    }
  }

  const others = tabs(
    options.channel === undefined
      ? globalThis.BroadcastChannel && (() => new BroadcastChannel(name))
      : (options.channel ?? undefined),
    heard,
  );

  watchPage(
    {
      seen: check,
      left: others.close,
      shown(restored) {
        others.open();
        if (restored) access.hasten(); // what happened meanwhile, nobody has told this page
        check();
      },
      online() {
        pace.relax();
        check();
      },
    },
    off.signal,
  );

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
