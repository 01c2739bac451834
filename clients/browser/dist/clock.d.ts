/** Time, and waiting. Tests bring their own. */
export interface Clock {
    /** Milliseconds of the wall clock, which may be wrong and may be set. */
    now(): number;
    /** Milliseconds that only grow, but may stand still while the machine sleeps. */
    mono(): number;
    /** Calls f in ms milliseconds, unless the function that it gives is called first. */
    after(ms: number, f: () => void): () => void;
}
export declare const systemClock: Clock;
/** A moment by both clocks. */
export interface Moment {
    readonly now: number;
    readonly mono: number;
}
export declare const moment: (c: Clock) => Moment;
/**
 * How long ago that was, at least: the clock that says more is right. One stands
 * still in a sleep, the other may be set back. Pawl's own clock is not asked.
 */
export declare const age: (c: Clock, m: Moment) => number;
/** Random, from 0 to below 1, not to be guessed. */
export declare const fraction: () => number;
