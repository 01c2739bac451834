/** Who is signed in. It never holds a token. */
export interface Session {
    /** The person. */
    readonly sub: string;
    /** The session's public id. */
    readonly sid: string;
    readonly roles: readonly string[];
    /** When the person signed in, in seconds since 1970, by Pawl's clock. */
    readonly authTime: number;
    /** When the present access token expires, in seconds since 1970, by Pawl's clock. It is replaced before. */
    readonly exp: number;
    /** Everything that the access token says. */
    readonly claims: Readonly<Record<string, unknown>>;
}
/** Reads an access token. It is not verified: it came from Pawl, by TLS, and only resource servers must not believe it. */
export declare function sessionOf(accessToken: string): Session;
/** Nothing that a page shows is different. */
export declare const isSame: (a: Session | null, b: Session | null) => boolean;
