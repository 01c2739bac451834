import { type Clock, type Moment } from "./clock.js";
import type { Answer } from "./issuer.js";
/** The access token of one page, and how long it lasts. Nothing else holds it. */
export declare function accessToken(clock: Clock): {
    take(answer: Answer, at: Moment): void;
    drop(): void;
    /** The token, if it is good. */
    good: () => string | null;
    /** For how long it is fresh yet, in ms. */
    left: () => number;
    /**
     * It is past a third of its life. Were that half, tabs half a life apart might never
     * fall into step: one is due after nine tenths or more, and the other's is younger then.
     */
    isOld: () => boolean;
    /** It is to be replaced, and good meanwhile. */
    hasten(): void;
    /** It is not good any more: a resource server has refused it. Without a name, whatever it is. */
    refuse(t?: string | null): void;
};
