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
export declare const isHidden: () => boolean;
/** Listens until `off`. In a worker most of it does not happen. */
export declare function watchPage(events: PageEvents, off: AbortSignal): void;
