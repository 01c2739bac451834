import { age, fraction } from "./clock.js";
function accessToken(clock) {
  let token = null;
  let asked;
  let life = 0, due = 0;
  let refused = null;
  return {
    take(answer, at) {
      token = answer.accessToken;
      refused = null;
      asked = at;
      life = answer.expiresIn * 1e3;
      due = Math.floor(life * (1 - fraction() / 10));
    },
    drop() {
      token = null;
    },
    /** The token, if it is good. */
    good: () => token && token !== refused && age(clock, asked) < life ? token : null,
    /** For how long it is fresh yet, in ms. */
    left: () => due - age(clock, asked),
    /** It is in the last tenth of its life, or beyond. */
    isLate: () => !!token && age(clock, asked) >= life * 0.9,
    /** It is to be replaced, and good meanwhile. */
    hasten() {
      due = 0;
    },
    /** It is not good any more: a resource server has refused it. Without a name, whatever it is. */
    refuse(t = token) {
      if (t === token) refused = t;
    }
  };
}
export {
  accessToken
};
