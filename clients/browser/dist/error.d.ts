/**
 * What went wrong, as Pawl says it: `code` and `reason` are stable, switch on
 * them (docs/http-api.md lists them); `detail` is for the person. There is never
 * a token in it.
 */
export declare class PawlError extends Error {
    /** Of the HTTP answer; 0 where none came. */
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    /** Why the session is over; with `login_required` only. */
    readonly reason?: string | undefined;
    readonly retryAfter: number;
    readonly name = "PawlError";
    /** @param retryAfter in how many seconds another try makes sense; 0: not said */
    constructor(
    /** Of the HTTP answer; 0 where none came. */
    status: number, code: string, detail: string, 
    /** Why the session is over; with `login_required` only. */
    reason?: string | undefined, retryAfter?: number);
}
/** Pawl's word that nobody is signed in any more. Nothing else ends a session. */
export declare const isOver: (e: unknown) => e is PawlError;
/** Nothing was decided: Pawl did not answer, or had no time. */
export declare const isUndecided: (e: unknown) => boolean;
export declare const silence: (status?: number, retryAfter?: number) => PawlError;
/** What an answer that is no success means. One that is no problem document of Pawl's decides nothing: somebody in between gave it. */
export declare function problem(answer: Response): Promise<PawlError>;
