/** Reads an access token. It is not verified: it came from Pawl, by TLS, and only resource servers must not believe it. */
export function sessionOf(accessToken) {
    const part = accessToken.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
    const { sub, sid, roles = [], auth_time: authTime, exp } = claims;
    return Object.freeze({ sub, sid, roles, authTime, exp, claims });
}
/** Nothing that a page shows is different. */
export const isSame = (a, b) => a === b || (!!a && !!b && a.sid === b.sid && String(a.roles) === String(b.roles));
