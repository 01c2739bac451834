// A service that checks Pawl's access tokens with jose, on Node 18 or later.
//
//     npm ci && node jose.mjs http://127.0.0.1:8080 AUDIENCE
//
// Unless it was configured, the audience is the issuer.
import { createServer } from "node:http";
import { webcrypto } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

globalThis.crypto ??= webcrypto; // for Node 18

const [issuer, audience, port = 0] = process.argv.slice(2);
// Fetched at the first token, after five minutes, and (at most every thirty
// seconds) when a token names a key that is not known.
const keys = createRemoteJWKSet(new URL(issuer + "/.well-known/jwks.json"), { cacheMaxAge: 5 * 60_000 });

async function authenticate(request) {
  const [, token] = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (!token) throw new errors.JWTInvalid("no access token");
  const { payload } = await jwtVerify(token, keys, {
    issuer, audience, typ: "at+jwt", algorithms: ["ES256", "RS256", "Ed25519"],
    requiredClaims: ["exp", "sub", "sid"], clockTolerance: 5,
  });
  return payload;
}

// noKeys: the keys could not be fetched.
const noKeys = (err) => !(err instanceof errors.JOSEError) || ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"].includes(err.code);

const server = createServer(async (request, response) => {
  try {
    const { sub, sid, roles } = await authenticate(request);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ sub, sid, roles }));
  } catch (err) {
    console.error(err.code ?? err.message); // never the token
    if (noKeys(err)) response.writeHead(503).end(); // it says nothing about the token
    else response.writeHead(401, { "WWW-Authenticate": "Bearer" }).end();
  }
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
