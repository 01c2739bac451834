import type { Session } from "./session.js";
/** What fetch needs of the session. */
export interface Bearer {
    readonly session: Session | null;
    /** A good access token; null: nobody is signed in. */
    token(): Promise<string | null>;
    /** A resource server has refused this token. */
    refuse(token: string): void;
}
/**
 * A fetch that attaches the access token to requests to the given origins, and to
 * no other, so that no wrong link carries a token away.
 */
export declare function attaching(send: typeof fetch, bearer: Bearer, origins: ReadonlySet<string>, base: string): typeof fetch;
