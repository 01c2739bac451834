import { problem, silence } from "./error.js";
/** When a request to Pawl is given up, well within the reuse window: a reply that comes later must not be taken. */
const patience = 10_000;
/** Pawl, at base. What fails is a PawlError. */
export function issuer(send, base) {
    return async (method, path, headers, body) => {
        let answer, text;
        try {
            answer = await send(base + path, {
                method,
                headers: { "Pawl-Request": "1", ...headers, ...(body && { "Content-Type": "application/json" }) },
                body: body ? JSON.stringify(body) : null,
                credentials: "include",
                cache: "no-store",
                redirect: "error", // a password must not be taken to another place
                signal: AbortSignal.timeout(patience),
            });
            if (!answer.ok)
                throw await problem(answer);
            text = await answer.text();
        }
        catch (e) {
            throw e instanceof Error && e.name === "PawlError" ? e : silence();
        }
        try {
            return JSON.parse(text || "null");
        }
        catch {
            throw silence(); // a page of some network's own
        }
    };
}
