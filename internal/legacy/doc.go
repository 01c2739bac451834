// Package legacy verifies the refresh tokens of the system that Pawl takes the
// place of: a hand-made login that signs a JWT, most often with jjwt and HS256
// or HS512, and perhaps keeps it in Redis. See pawl.LegacyVerifier for what
// becomes of such a token.
//
// It is stricter than the old system need have been, and reads from it only:
// from its JWKS and from its Redis.
package legacy
