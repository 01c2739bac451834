import { type Clock } from "./clock.js";
/** How fast to try again: slower after each failure, and as slow as Pawl asks for. */
export declare function pacing(clock: Clock): {
    /** How long to wait yet, in ms, before the next try by itself. */
    left: () => number;
    /** How long Pawl has asked to wait yet, in ms: no request before. */
    asked: () => number;
    /** What failed last. */
    why: () => unknown;
    failed(e: unknown): void;
    succeeded(): void;
    /** Something has changed: a try makes sense at once. */
    relax(): void;
};
