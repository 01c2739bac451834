import { age, type Clock, fraction, type Moment } from "./clock.js";
import type { Answer } from "./issuer.js";

/** The access token of one page, and how long it lasts. Nothing else holds it. */
export function accessToken(clock: Clock) {
  let token: string | null = null;
  let asked: Moment; // when it was asked for: it lasts longer than from here, never shorter
  let life = 0, due = 0; // how long it is good, and fresh, in ms
  let refused: string | null = null;

  return {
    take(answer: Answer, at: Moment) {
      token = answer.accessToken;
      refused = null;
      asked = at;
      life = answer.expiresIn * 1000;
      due = Math.floor(life * (1 - fraction() / 10)); // a thief must not foresee it
    },
    drop() {
      token = null;
    },
    /** The token, if it is good. */
    good: () => (token && token !== refused && age(clock, asked) < life ? token : null),
    /** For how long it is fresh yet, in ms. */
    left: () => due - age(clock, asked),
    /**
     * It is past a third of its life. Were that half, tabs half a life apart might never
     * fall into step: one is due after nine tenths or more, and the other's is younger then.
     */
    isOld: () => !!token && age(clock, asked) >= life / 3,
    /** It is to be replaced, and good meanwhile. */
    hasten() {
      due = 0;
    },
    /** It is not good any more: a resource server has refused it. Without a name, whatever it is. */
    refuse(t = token) {
      if (t === token) refused = t;
    },
  };
}
