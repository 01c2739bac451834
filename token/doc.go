// Package token is Pawl's two token formats: their keys, their signing, their
// strict verification, and what a revocation covers.
//
// An [Access] token is a JWT of RFC 9068 (typ at+jwt) that anybody with the
// issuer's public keys can check offline. A [Refresh] token is a JWT of our own
// (typ rt+jwt), signed with HS256 under a key that never leaves the issuer.
//
// Compact JWS (RFC 7515) is implemented here on crypto/* and nothing else: only
// the form Pawl issues is accepted. There is no algorithm agility in the
// header (a key has one algorithm), no key from the header, no critical
// extension, no second way to write the same header or claim. RFC 8725 and its
// successor say why.
//
// Keys, key sets and verifiers are immutable once built and safe for concurrent
// use; so is [Revoked].
package token
