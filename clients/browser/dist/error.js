/**
 * What went wrong, as Pawl says it: `code` and `reason` are stable, switch on
 * them (docs/http-api.md lists them); `detail` is for the person. There is never
 * a token in it.
 */
export class PawlError extends Error {
    status;
    code;
    detail;
    reason;
    retryAfter;
    name = "PawlError";
    /** @param retryAfter in how many seconds another try makes sense; 0: not said */
    constructor(
    /** Of the HTTP answer; 0 where none came. */
    status, code, detail, 
    /** Why the session is over; with `login_required` only. */
    reason, retryAfter = 0) {
        super(detail);
        this.status = status;
        this.code = code;
        this.detail = detail;
        this.reason = reason;
        this.retryAfter = retryAfter;
    }
}
/** Pawl's word that nobody is signed in any more. Nothing else ends a session. */
export const isOver = (e) => e instanceof PawlError && e.status === 401 && (e.code === "login_required" || e.code === "invalid_token");
/** Nothing was decided: Pawl did not answer, or had no time. */
export const isUndecided = (e) => e instanceof PawlError && (e.code === "unavailable" || e.code === "rate_limited");
export const silence = (status = 0, retryAfter = 0) => new PawlError(status, "unavailable", "The sign-in service cannot be reached right now. Try again.", undefined, retryAfter);
/** What an answer that is no success means. One that is no problem document of Pawl's decides nothing: somebody in between gave it. */
export async function problem(answer) {
    const wait = Number(answer.headers.get("Retry-After")) || 0;
    const own = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
    const body = own ? await answer.json().catch(() => null) : null;
    return typeof body?.code === "string"
        ? new PawlError(answer.status, body.code, String(body.detail), body.reason, wait)
        : silence(answer.status, wait);
}
