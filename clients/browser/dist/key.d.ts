import type { Clock } from "./clock.js";
/**
 * The pending Idempotency-Key of a cookie jar, and what became of it. It is on
 * disk before it is sent, and shared by all tabs. How long one is used is
 * docs/decisions/0010. Times are of the wall clock: they outlive the page.
 */
export interface Key {
    value: string;
    /** When it first succeeded since it was last in doubt; 0: it has not. */
    proved: number;
    /** When the last request was sent of those whose outcome is not known; 0: there is none. */
    open: number;
    /** How many starts of a page have taken it over. */
    starts: number;
}
/** Keeps one key. */
export interface KeyStore {
    /**
     * Puts what change makes of the key in its place, in one step for all tabs, and
     * gives it. It is on disk when the promise is fulfilled.
     */
    update(change: (key?: Key) => Key | undefined): Promise<Key | undefined>;
}
/** A request that carries the key. */
export interface Use {
    readonly key: string;
    readonly sent: number;
    /** The outcome of an earlier request with the key is not known. */
    readonly doubt: boolean;
}
/** The keys of one page, which was started at `born`. */
export declare function keysOf(store: KeyStore, clock: Clock, born: number): {
    /** The key of the next request. */
    next(): Promise<Use>;
    /** Pawl has answered: whatever an earlier request did, the jar has the newest cookie now. */
    succeeded: (use: Use) => Promise<Key | undefined>;
    /** No answer came, or one that decided nothing. */
    failed: (use: Use) => Promise<Key | undefined>;
    /** The session is over, and nothing is pending. */
    drop: (use: Use) => Promise<Key | undefined>;
    /** Retires the key when its time has come, by a page that has lived to see it. */
    retireLater: (use: Use) => () => void;
};
