function sessionOf(accessToken) {
  const part = accessToken.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
  const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
  const { sub, sid, roles = [], auth_time: authTime, exp } = claims;
  return Object.freeze({ sub, sid, roles, authTime, exp, claims });
}
const isSame = (a, b) => a === b || !!a && !!b && a.sid === b.sid && String(a.roles) === String(b.roles);
export {
  isSame,
  sessionOf
};
