import type { Clock } from "./clock.js";
import type { KeyStore } from "./key.js";
/**
 * Keeps the key in IndexedDB: a transaction is one step for all tabs, and with
 * durability "strict" it is on disk before it is complete. localStorage is
 * neither (docs/decisions/0070). The database is closed between, so that a page
 * can go into the back/forward cache.
 */
export declare function indexedDBStore(name: string): KeyStore;
/**
 * Goes on in memory where the store fails, as in some private windows: a lost
 * reply is then repaired within the reuse window only.
 */
export declare function forgiving(store: KeyStore, clock: Clock): KeyStore;
