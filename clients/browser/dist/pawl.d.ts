import type { Options, Pawl } from "./types.js";
/** Pawl for this page. It looks at once whether somebody is signed in. */
export declare function createPawl(options?: Options): Pawl;
