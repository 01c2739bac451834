const patience = 15e3;
async function locked(locks, name, f) {
  let running;
  const run = () => running ??= f();
  try {
    await locks?.request(name, { signal: AbortSignal.timeout(patience) }, run);
  } catch {
    if (!running) await locks.request(name, { steal: true }, run).catch(() => {
    });
  }
  return run();
}
export {
  locked
};
