/** Time, and waiting. Tests bring their own. */
export interface Clock {
  /** Milliseconds of the wall clock, which may be wrong and may be set. */
  now(): number;
  /** Milliseconds that only grow, but may stand still while the machine sleeps. */
  mono(): number;
  /** Calls f in ms milliseconds, unless the function that it gives is called first. */
  after(ms: number, f: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  after(ms, f) {
    const id = setTimeout(f, Math.min(ms, 2 ** 31 - 1)); // what browsers take; who is called too early looks again
    return () => clearTimeout(id);
  },
};

/** A moment by both clocks. */
export interface Moment {
  readonly now: number;
  readonly mono: number;
}

export const moment = (c: Clock): Moment => ({ now: c.now(), mono: c.mono() });

/**
 * How long ago that was, at least: the clock that says more is right. One stands
 * still in a sleep, the other may be set back. Pawl's own clock is not asked.
 */
export const age = (c: Clock, m: Moment): number => Math.max(c.now() - m.now, c.mono() - m.mono);

/** Random, from 0 to below 1, not to be guessed. */
export const fraction = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
