import { isOver, PawlError } from "./error.js";
import type { Session } from "./session.js";

/** What fetch needs of the session. */
export interface Bearer {
  readonly session: Session | null;
  /** A good access token; null: nobody is signed in. */
  token(): Promise<string | null>;
  /** A resource server has refused this token. */
  refuse(token: string): void;
}

/**
 * A fetch that attaches the access token to requests to the given origins, and to
 * no other, so that no wrong link carries a token away.
 */
export function attaching(send: typeof fetch, bearer: Bearer, origins: ReadonlySet<string>, base: string): typeof fetch {
  /** A token that was new when it was refused: another would be, too. */
  let futile: string | undefined;

  return async (input, init) => {
    const url = input instanceof Request ? input.url : new URL(input, globalThis.location?.href ?? base).href;
    if (!origins.has(new URL(url).origin)) return send(input, init);
    const request = new Request(input instanceof Request ? input : url, init);
    if (request.headers.has("Authorization")) return send(request);
    // A stream can be sent once, and a copy would be kept in memory whole.
    const again = init?.body instanceof ReadableStream ? null : request.clone();
    const who = bearer.session?.sub;

    const token = await orAborted(bearer.token(), request.signal);
    if (who && bearer.session?.sub !== who) {
      throw new PawlError(0, "login_required", "Somebody else has signed in meanwhile. Do that again.", "signed_out_elsewhere");
    }
    if (!token) return send(request);
    const answer = await send(withToken(request, token));
    if (!again || token === futile || !refusesToken(answer)) return answer;

    bearer.refuse(token);
    let other: string | null;
    try {
      other = await orAborted(bearer.token(), request.signal);
    } catch (e) {
      if (isOver(e)) return answer; // onChange has told the reason
      throw e;
    }
    if (!other || bearer.session?.sub !== who) return answer;
    void answer.body?.cancel();
    const second = await send(withToken(again, other));
    if (refusesToken(second)) futile = other;
    return second;
  };
}

function withToken(r: Request, token: string): Request {
  r.headers.set("Authorization", "Bearer " + token);
  return r;
}

/** RFC 6750 §3.1. A 401 about something else, such as a wrong current password, is no reason to send the request again. */
const refusesToken = (r: Response): boolean =>
  r.status === 401 && /^Bearer\b.*error="invalid_token"/i.test(r.headers.get("WWW-Authenticate") ?? "");

/** The caller may give up; the reissue goes on for the others. */
const orAborted = <T>(p: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((ok, fail) => {
    const abort = () => fail(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    p.then(ok, fail);
  });
