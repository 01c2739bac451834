const stays = 6e4;
const maxStarts = 3;
const retired = (k, now) => k.proved > 0 && !k.open && Math.abs(now - k.proved) >= stays;
function keysOf(store, clock, born) {
  const own = (use, change) => store.update((k) => k?.value === use.key ? change(k) : k);
  return {
    /** The key of the next request. */
    async next() {
      const sent = clock.now();
      let doubt = false;
      const k = await store.update((k2) => {
        if (k2?.proved && !k2.open) {
          if (k2.proved < born && k2.starts < maxStarts) k2 = { ...k2, proved: 0, starts: k2.starts + 1 };
          else if (retired(k2, sent)) k2 = void 0;
        }
        doubt = !!k2?.open;
        return { ...k2 ?? { value: randomKey(), proved: 0, starts: 0 }, open: sent };
      });
      return { key: k.value, sent, doubt };
    },
    /** Pawl has answered: whatever an earlier request did, the jar has the newest cookie now. */
    succeeded: (use) => own(use, (k) => ({
      ...k,
      proved: use.doubt ? clock.now() : k.proved || clock.now(),
      open: k.open > use.sent ? k.open : 0
    })),
    /** No answer came, or one that decided nothing. */
    failed: (use) => own(use, (k) => ({ ...k, open: Math.max(k.open, use.sent) })),
    /** The session is over, and nothing is pending. */
    drop: (use) => own(use, () => void 0),
    /** Retires the key when its time has come, by a page that has lived to see it. */
    retireLater: (use) => clock.after(stays, () => void own(use, (k) => retired(k, clock.now()) ? void 0 : k))
  };
}
const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(20)), (b) => b.toString(16).padStart(2, "0")).join("");
export {
  keysOf
};
