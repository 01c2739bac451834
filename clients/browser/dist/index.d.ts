/**
 * Pawl in a browser: sign in, and use `fetch` as ever. The access token is
 * renewed before it expires, once for all tabs; no page script can read it.
 *
 *     const pawl = createPawl({ origins: ["https://api.example.com"] });
 *     pawl.onChange((session, reason) => show(session, reason));
 *     await pawl.login("anna", password);
 *     const orders = await pawl.fetch("https://api.example.com/orders");
 */
export { createPawl } from "./pawl.js";
export type { Listener, Options, Pawl } from "./types.js";
export { PawlError } from "./error.js";
export type { Clock } from "./clock.js";
export type { Key, KeyStore } from "./key.js";
export type { Session } from "./session.js";
