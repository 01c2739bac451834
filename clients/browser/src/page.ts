/** What happens to a page, and matters here. */
export interface PageEvents {
  /** Somebody looks at it, or does not any more. */
  seen(): void;
  /** It goes, perhaps into the back/forward cache. */
  left(): void;
  /** It is there; `restored` says that it was in the back/forward cache. */
  shown(restored: boolean): void;
  /** There is a network again. */
  online(): void;
}

/** Nobody looks at the page. */
export const isHidden = (): boolean => !!globalThis.document?.hidden;

/** Listens until `off`. In a worker most of it does not happen. */
export function watchPage(events: PageEvents, off: AbortSignal) {
  const on = (target: EventTarget | undefined, type: string, f: (e: Event) => void) =>
    target?.addEventListener?.(type, f, { signal: off });
  const self = globalThis as unknown as EventTarget;
  on(globalThis.document, "visibilitychange", events.seen);
  on(self, "pagehide", events.left);
  on(self, "pageshow", (e) => events.shown((e as PageTransitionEvent).persisted));
  on(self, "online", events.online);
}
