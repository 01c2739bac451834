const systemClock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  after(ms, f) {
    const id = setTimeout(f, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(id);
  }
};
const moment = (c) => ({ now: c.now(), mono: c.mono() });
const age = (c, m) => Math.max(c.now() - m.now, c.mono() - m.mono);
const fraction = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
export {
  age,
  fraction,
  moment,
  systemClock
};
