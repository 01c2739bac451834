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

/** A key stays for so long after its first success: should the browser lose the cookie that came, the key still fetches it. */
const stays = 60_000;
/** A key that never changed would let a thief ride behind. */
const maxStarts = 3;

const retired = (k: Key, now: number) => k.proved > 0 && !k.open && Math.abs(now - k.proved) >= stays;

/** A request that carries the key. */
export interface Use {
  readonly key: string;
  readonly sent: number;
  /** The outcome of an earlier request with the key is not known. */
  readonly doubt: boolean;
}

/** The keys of one page, which was started at `born`. */
export function keysOf(store: KeyStore, clock: Clock, born: number) {
  /** Changes the key if it is still the one of use. */
  const own = (use: Use, change: (k: Key) => Key | undefined) =>
    store.update((k) => (k?.value === use.key ? change(k) : k));

  return {
    /** The key of the next request. */
    async next(): Promise<Use> {
      const sent = clock.now();
      let doubt = false;
      const k = await store.update((k) => {
        if (k?.proved && !k.open) {
          // It was proved before this page began: the browser may have ended in
          // between, and lost the cookie.
          if (k.proved < born && k.starts < maxStarts) k = { ...k, proved: 0, starts: k.starts + 1 };
          else if (retired(k, sent)) k = undefined;
        }
        doubt = !!k?.open;
        return { ...(k ?? { value: randomKey(), proved: 0, starts: 0 }), open: sent };
      });
      return { key: k!.value, sent, doubt };
    },

    /** Pawl has answered: whatever an earlier request did, the jar has the newest cookie now. */
    succeeded: (use: Use) =>
      own(use, (k) => ({
        ...k,
        proved: use.doubt ? clock.now() : k.proved || clock.now(),
        open: k.open > use.sent ? k.open : 0,
      })),

    /** No answer came, or one that decided nothing. */
    failed: (use: Use) => own(use, (k) => ({ ...k, open: Math.max(k.open, use.sent) })),

    /** The session is over, and nothing is pending. */
    drop: (use: Use) => own(use, () => undefined),

    /** Retires the key when its time has come, by a page that has lived to see it. */
    retireLater: (use: Use) =>
      clock.after(stays, () => void own(use, (k) => (retired(k, clock.now()) ? undefined : k))),
  };
}

/** 160 random bits, as 40 characters. */
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(20)), (b) => b.toString(16).padStart(2, "0")).join("");
