export const systemClock = {
    now: () => Date.now(),
    mono: () => performance.now(),
    after(ms, f) {
        const id = setTimeout(f, Math.min(ms, 2 ** 31 - 1)); // what browsers take; who is called too early looks again
        return () => clearTimeout(id);
    },
};
export const moment = (c) => ({ now: c.now(), mono: c.mono() });
/**
 * How long ago that was, at least: the clock that says more is right. One stands
 * still in a sleep, the other may be set back. Pawl's own clock is not asked.
 */
export const age = (c, m) => Math.max(c.now() - m.now, c.mono() - m.mono);
/** Random, from 0 to below 1, not to be guessed. */
export const fraction = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
