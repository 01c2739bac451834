import { type Clock, fraction } from "./clock.js";
import { PawlError } from "./error.js";

const first = 500, longest = 60_000; // ms, doubled by chance

/** How fast to try again: slower after each failure, and as slow as Pawl asks for. */
export function pacing(clock: Clock) {
  let fails = 0, until = -Infinity, asked = -Infinity, why: unknown;
  return {
    /** How long to wait yet, in ms, before the next try by itself. */
    left: () => Math.max(0, until - clock.mono()),
    /** How long Pawl has asked to wait yet, in ms: no request before. */
    asked: () => Math.max(0, asked - clock.mono()),
    /** What failed last. */
    why: () => why,
    failed(e: unknown) {
      why = e;
      const wanted = e instanceof PawlError ? e.retryAfter * 1000 : 0;
      asked = clock.mono() + wanted;
      until = Math.ceil(clock.mono() + Math.max(wanted, Math.min(longest, first * 2 ** fails++)) * (1 + fraction()));
    },
    succeeded() {
      fails = 0;
      until = asked = -Infinity;
    },
    /** Something has changed: a try makes sense at once. */
    relax() {
      until = asked;
    },
  };
}
