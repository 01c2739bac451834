/** Nobody looks at the page. */
export const isHidden = () => !!globalThis.document?.hidden;
/** Listens until `off`. In a worker most of it does not happen. */
export function watchPage(events, off) {
    const on = (target, type, f) => target?.addEventListener?.(type, f, { signal: off });
    const self = globalThis;
    on(globalThis.document, "visibilitychange", events.seen);
    on(self, "pagehide", events.left);
    on(self, "pageshow", (e) => events.shown(e.persisted));
    on(self, "online", events.online);
}
