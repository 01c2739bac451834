/** Longer than whoever holds the lock may ask Pawl: beyond it, the holder is frozen. */
const patience = 15_000;
/**
 * Runs f while no other tab does. A tab that is frozen with the lock must not stop
 * the others: after a time the lock is taken from it. So two may run at once;
 * what f does must be right then too, and is, by Pawl's rule.
 */
export async function locked(locks, name, f) {
    let running;
    const run = () => (running ??= f());
    try {
        await locks?.request(name, { signal: AbortSignal.timeout(patience) }, run);
    }
    catch {
        // It was not granted in time; or f failed, or was robbed, and runs on.
        if (!running)
            await locks.request(name, { steal: true }, run).catch(() => { });
    }
    return run();
}
