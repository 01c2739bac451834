/** What tabs tell each other. There is never a token in it, nor anything to be made into one. */
export type Message =
  | { readonly out: string; readonly reason: string } // the session of this sid is over
  | { readonly in: string } // somebody has signed in
  | { readonly turned: true }; // a tab reissued: whose token is old should do so now

/** What of a BroadcastChannel is used. */
export type Channel = Pick<BroadcastChannel, "postMessage" | "close" | "onmessage">;

/** Tells the other tabs, and hears them. Where there is no channel, each tab finds out at its next reissue. */
export function tabs(open: (() => Channel) | undefined, heard: (m: Message) => void) {
  let channel: Channel | undefined;
  const self = {
    open() {
      channel ??= open?.();
      if (channel) channel.onmessage = (e: MessageEvent<Message>) => heard(e.data);
    },
    close() {
      channel?.close();
      channel = undefined;
    },
    tell: (m: Message) => channel?.postMessage(m),
  };
  self.open();
  return self;
}
