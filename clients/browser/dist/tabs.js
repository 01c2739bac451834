/** Tells the other tabs, and hears them. Where there is no channel, each tab finds out at its next reissue. */
export function tabs(open, heard) {
    let channel;
    const self = {
        open() {
            channel ??= open?.();
            if (channel)
                channel.onmessage = (e) => heard(e.data);
        },
        close() {
            channel?.close();
            channel = undefined;
        },
        tell: (m) => channel?.postMessage(m),
    };
    self.open();
    return self;
}
