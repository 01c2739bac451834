import { fraction } from "./clock.js";
import { PawlError } from "./error.js";
const first = 500, longest = 60_000; // ms, doubled by chance
/** How fast to try again: slower after each failure, and as slow as Pawl asks for. */
export function pacing(clock) {
    let fails = 0, until = -Infinity;
    return {
        /** How long to wait yet, in ms. */
        left: () => Math.max(0, until - clock.mono()),
        failed(e) {
            const asked = e instanceof PawlError ? e.retryAfter * 1000 : 0;
            const wait = Math.max(asked, Math.min(longest, first * 2 ** fails++));
            until = Math.ceil(clock.mono() + wait * (1 + fraction()));
        },
        succeeded() {
            fails = 0;
            until = -Infinity;
        },
        /** Something has changed: a try makes sense at once. */
        relax() {
            until = -Infinity;
        },
    };
}
