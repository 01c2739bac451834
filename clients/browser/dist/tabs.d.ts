/** What tabs tell each other. There is never a token in it, nor anything to be made into one. */
export type Message = {
    readonly out: string;
    readonly reason: string;
} | {
    readonly in: string;
} | {
    readonly turned: true;
};
/** What of a BroadcastChannel is used. */
export type Channel = Pick<BroadcastChannel, "postMessage" | "close" | "onmessage">;
/** Tells the other tabs, and hears them. Where there is no channel, each tab finds out at its next reissue. */
export declare function tabs(open: (() => Channel) | undefined, heard: (m: Message) => void): {
    open(): void;
    close(): void;
    tell: (m: Message) => void | undefined;
};
