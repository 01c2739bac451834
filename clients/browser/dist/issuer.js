import { PawlError, problem, silence } from "./error.js";
/** When a reissue is given up, in ms, well within the reuse window: a reply that comes later must not be taken. */
const patience = 10_000;
/** A sign-in may have to stand in line for a processor. */
export const signInPatience = 30_000;
/** Asks Pawl at base. What fails is a PawlError. */
export function issuer(send, base) {
    return async (path, headers, token, body, ms = patience) => {
        const head = new Headers({ "Pawl-Request": "1", ...headers });
        if (token)
            head.set("Authorization", "Bearer " + token);
        if (body)
            head.set("Content-Type", "application/json");
        try {
            const answer = await send(base + path, {
                method: "POST",
                headers: head,
                body: body ? JSON.stringify(body) : null,
                credentials: "include",
                cache: "no-store",
                redirect: "error", // a password must not be taken to another place
                signal: AbortSignal.timeout(ms),
            });
            if (!answer.ok)
                throw await problem(answer);
            return JSON.parse((await answer.text()) || "null");
        }
        catch (e) {
            throw e instanceof PawlError ? e : silence(); // no answer, or the page of some network in between
        }
    };
}
