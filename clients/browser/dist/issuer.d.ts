/** The answer to a sign-in or a reissue (docs/http-api.md). */
export interface Answer {
    accessToken: string;
    expiresIn: number;
}
/** A sign-in may have to stand in line for a processor. */
export declare const signInPatience = 30000;
/** Asks Pawl at base. What fails is a PawlError. */
export declare function issuer(send: typeof fetch, base: string): <T>(path: string, headers: Record<string, string>, token: string | null, body?: object, ms?: number) => Promise<T>;
