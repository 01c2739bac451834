// A service that checks Pawl's access tokens with express-oauth2-jwt-bearer, on
// Node 18 or later.
//
//     npm ci && node express.mjs http://127.0.0.1:8080 AUDIENCE
//
// Unless it was configured, the audience is the issuer.
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";

const [issuer, audience, port = 0] = process.argv.slice(2);
const app = express();
app.use(auth({
  // It looks for /.well-known/openid-configuration, which Pawl has not, and then
  // for oauth-authorization-server, which it has. Without discovery: issuer and
  // jwksUri: issuer + "/.well-known/jwks.json" instead of issuerBaseURL.
  issuerBaseURL: issuer,
  audience,
  strict: true, // RFC 9068: typ is at+jwt, and the claims it demands are there
}));
app.get("/", (request, response) => {
  const { sub, sid, roles } = request.auth.payload;
  response.json({ sub, sid, roles });
});
app.use((err, request, response, next) => {
  console.error(err.message); // never the token
  response.status(err.status ?? 500).set(err.headers).end();
});
const server = app.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
