function tabs(open, heard) {
  let channel;
  const self = {
    open() {
      channel ??= open?.();
      if (channel) channel.onmessage = (e) => heard(e.data);
    },
    close() {
      channel?.close();
      channel = void 0;
    },
    tell: (m) => channel?.postMessage(m)
  };
  self.open();
  return self;
}
export {
  tabs
};
