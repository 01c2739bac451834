import type { Clock } from "./clock.js";
import type { KeyStore } from "./key.js";
import type { Locks } from "./lock.js";
import type { Session } from "./session.js";
import type { Channel } from "./tabs.js";
/** Options of createPawl. Without any, Pawl is at the page's own origin. */
export interface Options {
    /** Where Pawl is reached: `https://login.example.com`. Its API is at `/api` below. */
    baseURL?: string;
    /** Other origins that `fetch` sends the access token to, each exactly: `https://api.example.com`. */
    origins?: string[];
    /**
     * What the access tokens are for, where that is not what they are for anyway. Pawl knows one:
     * its issuer and `/admin`, for administrators' calls of `/admin/api`. It is as another tab
     * beside the page's other instance.
     */
    audience?: string;
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
    /** Fulfilled once it is known who is signed in, through the cookie. It waits while Pawl cannot be reached, and never fails. */
    readonly ready: Promise<Session | null>;
    /**
     * Signs in; `label` names the device in the list of sessions. Fails with a
     * PawlError: `invalid_credentials`, `rate_limited` with `retryAfter`, `unavailable`.
     */
    login(userId: string, password: string, options?: {
        label?: string;
    }): Promise<Session>;
    /** Signs out, in every tab. If Pawl cannot be reached it fails, and the session stays. */
    logout(): Promise<void>;
    /**
     * Like the page's own, with the access token for Pawl and the origins of the
     * options. Fails with a PawlError where the session is over (`login_required`),
     * or its token has expired and Pawl cannot be reached (`unavailable`): then
     * nothing was sent.
     */
    fetch: typeof fetch;
    /** Gives a function that ends it. */
    onChange(listener: Listener): () => void;
    /** Lets go of timers and listeners. The session goes on. */
    close(): void;
}
