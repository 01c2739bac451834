/** What of navigator.locks is used. */
export type Locks = Pick<LockManager, "request">;
/**
 * Runs f while no other tab does. A tab that is frozen with the lock must not stop
 * the others: after a time the lock is taken from it. So two may run at once;
 * what f does must be right then too, and is, by Pawl's rule.
 */
export declare function locked<T>(locks: Locks | null | undefined, name: string, f: () => Promise<T>): Promise<T>;
