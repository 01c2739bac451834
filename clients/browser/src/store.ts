import type { Clock } from "./clock.js";
import type { Key, KeyStore } from "./key.js";

/**
 * Keeps the key in IndexedDB: a transaction is one step for all tabs, and with
 * durability "strict" it is on disk before it is complete. localStorage is
 * neither (docs/decisions/0070). The database is closed between, so that a page
 * can go into the back/forward cache.
 */
export function indexedDBStore(name: string): KeyStore {
  return {
    async update(change) {
      const db = await open();
      try {
        return await inOneStep(db, name, change);
      } finally {
        db.close();
      }
    },
  };
}

const open = () =>
  new Promise<IDBDatabase>((ok, fail) => {
    const r = indexedDB.open("pawl", 1);
    r.onupgradeneeded = () => r.result.createObjectStore("key");
    r.onsuccess = () => ok(r.result);
    r.onerror = r.onblocked = () => fail(r.error);
  });

const inOneStep = (db: IDBDatabase, name: string, change: (k?: Key) => Key | undefined) =>
  new Promise<Key | undefined>((ok, fail) => {
    const tx = db.transaction("key", "readwrite", { durability: "strict" });
    const keys = tx.objectStore("key");
    let key: Key | undefined;
    const found = keys.get(name);
    found.onsuccess = () => {
      key = change(found.result);
      key ? keys.put(key, name) : keys.delete(name);
    };
    tx.oncomplete = () => ok(key);
    tx.onabort = () => fail(tx.error);
  });

/** How long a store may take; one that hangs must not sign anybody out. */
const patience = 2_000;

/**
 * Goes on in memory where the store fails, as in some private windows: a lost
 * reply is then repaired within the reuse window only.
 */
export function forgiving(store: KeyStore, clock: Clock): KeyStore {
  let last: Key | undefined;
  return {
    async update(change) {
      let calm = () => {};
      const late = new Promise<never>((_, fail) => (calm = clock.after(patience, fail as () => void)));
      try {
        last = await Promise.race([store.update(change), late]);
      } catch {
        last = change(last);
      }
      calm();
      return last;
    },
  };
}
