class PawlError extends Error {
  /** @param retryAfter in how many seconds another try makes sense; 0: not said */
  constructor(status, code, detail, reason, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
  status;
  code;
  detail;
  reason;
  retryAfter;
  name = "PawlError";
}
const isOver = (e) => e instanceof PawlError && e.status === 401 && (e.code === "login_required" || e.code === "invalid_token");
const isUndecided = (e) => e instanceof PawlError && (e.code === "unavailable" || e.code === "rate_limited");
const silence = (status = 0, retryAfter = 0) => new PawlError(status, "unavailable", "The sign-in service cannot be reached right now. Try again.", void 0, retryAfter);
async function problem(answer) {
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  const own = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
  const body = own ? await answer.json().catch(() => null) : null;
  return typeof body?.code === "string" ? new PawlError(answer.status, body.code, String(body.detail), body.reason, wait) : silence(answer.status, wait);
}
export {
  PawlError,
  isOver,
  isUndecided,
  problem,
  silence
};
