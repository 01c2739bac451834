import { attaching } from "./attach.js";
import { age, fraction, moment, systemClock } from "./clock.js";
import { isOver, isUndecided, silence } from "./error.js";
import { issuer } from "./issuer.js";
import { keysOf } from "./key.js";
import { locked } from "./lock.js";
import { isSame, sessionOf } from "./session.js";
import { forgiving, indexedDBStore } from "./store.js";
import { tabs } from "./tabs.js";
/** Pawl for this page. It looks at once whether somebody is signed in. */
export function createPawl(options = {}) {
    const { clock = systemClock, locks = globalThis.navigator?.locks } = options;
    const base = new URL(options.baseURL ?? "/", globalThis.location?.href).href.replace(/\/$/, "");
    const send = options.fetch ?? globalThis.fetch.bind(globalThis);
    const name = "pawl " + base;
    const ask = issuer(send, base);
    const keys = keysOf(forgiving(options.storage ?? indexedDBStore(base), clock), clock, clock.now());
    const listeners = new Set();
    const page = globalThis.document;
    let token = null;
    let got, life, due; // of the token: when it was asked for; how long it is good, and until when it is fresh, in ms
    let refused = null; // a token that a resource server has refused
    let session = null;
    let reason;
    let known = false; // who is signed in
    let epoch = 0; // grows with every sign-in and sign-out: what was asked before is of no interest
    let flight; // the reissue under way
    let fails = 0, calmTo = -Infinity; // after so many failures, no reissue before, by mono
    let used = true; // since the last reissue
    let stop = () => { }; // the alarm
    let tellReady;
    const ready = new Promise((ok) => (tellReady = ok));
    const isGood = () => !!token && token !== refused && age(clock, got) < life;
    const calm = () => Math.max(0, calmTo - clock.mono());
    const inTurn = (f) => locked(locks, name, f);
    /** After the reissue under way: a cookie that it brings must not replace a newer one. */
    const alone = async (f) => {
        await flight?.catch(() => { });
        return inTurn(f);
    };
    function become(next, why) {
        const news = !isSame(session, next) || (why && why !== reason);
        session = next;
        reason = why;
        known = true;
        tellReady(next);
        if (news)
            for (const l of listeners)
                queueMicrotask(() => l(next, why));
    }
    function adopt(answer, asked) {
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
    function end(why) {
        epoch++;
        stop();
        token = null;
        become(null, why);
    }
    /** Gives up the session and tells the other tabs. */
    function endEverywhere(why) {
        if (session)
            others.tell({ out: session.sid, reason: why ?? "unknown" });
        end(why);
    }
    function alarm(ms) {
        stop();
        stop = clock.after(ms, check);
    }
    /** Reissues if that is due, and somebody looks at this tab or uses it. */
    function check() {
        if (known && (!session || (page?.hidden && !used)))
            return;
        const left = Math.max(known ? due - age(clock, got) : 0, calm());
        left > 0 ? alarm(left) : renew().catch(() => { });
    }
    /** Reissues, once for all who want it. */
    const renew = () => (flight ??= inTurn(reissue).finally(() => (flight = undefined)));
    async function reissue() {
        const mine = epoch;
        const use = await keys.next();
        const asked = moment(clock);
        try {
            const headers = { "Idempotency-Key": use.key };
            if (isGood())
                headers["Authorization"] = "Bearer " + token; // a session idle for too long goes on with it
            const answer = await ask("POST", "/api/reissue", headers);
            if (!answer?.accessToken)
                throw silence();
            await keys.succeeded(use);
            keys.retireLater(use);
            if (mine !== epoch)
                return;
            adopt(answer, asked);
            others.tell({ turned: true });
        }
        catch (e) {
            if (!isOver(e)) {
                await keys.failed(use);
                rest(e);
                throw e;
            }
            await keys.drop(use);
            if (mine !== epoch)
                return;
            const had = session;
            endEverywhere(e.reason ?? (had ? "unknown" : undefined));
            if (had)
                throw e;
        }
    }
    /** Waits longer after each failure, and as long as Pawl asks for. */
    function rest(e) {
        const asked = e.retryAfter * 1000 || 0;
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
                }
                catch (e) {
                    if (tries > 2 || !isUndecided(e) || calm() > 5_000)
                        throw e;
                    await new Promise((ok) => clock.after(calm(), ok));
                }
            }
            return null;
        },
        refuse(t) {
            if (t === token)
                refused = t;
        },
    };
    async function login(userId, password, { label = "" } = {}) {
        const next = await alone(async () => {
            const asked = moment(clock);
            const answer = await ask("POST", "/api/login", {}, { userId, password, ...(label && { label }) });
            epoch++;
            return adopt(answer, asked);
        });
        others.tell({ in: next.sid });
        return next;
    }
    async function logout() {
        await alone(async () => {
            try {
                await ask("POST", "/api/logout", isGood() ? { Authorization: "Bearer " + token } : {});
            }
            catch (e) {
                if (!isOver(e) && e.code !== "access_denied")
                    throw e; // there is nothing to sign out of
            }
            endEverywhere("signed_out");
        });
    }
    async function heard(m) {
        if ("out" in m) {
            if (m.out === session?.sid)
                end(m.reason);
        }
        else if ("in" in m) {
            if (m.in === session?.sid)
                return;
            epoch++;
            refused = token;
            known = false;
            await flight?.catch(() => { }); // it was sent with the cookie of before
            renew().catch(() => { });
        }
        else if (session && age(clock, got) >= life * 0.9) {
            due = 0;
            check();
        }
    }
    const others = tabs(options.channel === undefined
        ? globalThis.BroadcastChannel && (() => new BroadcastChannel(name))
        : (options.channel ?? undefined), heard);
    const off = new AbortController();
    const on = (target, type, f) => target?.addEventListener?.(type, f, { signal: off.signal });
    on(page, "visibilitychange", check);
    on(globalThis, "pagehide", others.close);
    on(globalThis, "pageshow", (e) => {
        others.open();
        if (!e.persisted)
            return;
        due = 0; // what happened while the page was in the back/forward cache, nobody told it
        check();
    });
    on(globalThis, "online", () => {
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
