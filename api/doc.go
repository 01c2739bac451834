// Package api is the vocabulary that both ends of Pawl share: the wire types,
// the one table of error codes and reasons, problem documents (RFC 9457), and
// the refresh cookie. It depends on the standard library only, so a client, a
// resource server and the issuer can all import it.
//
// An *Error made from a response compares equal, by errors.Is, to the sentinel
// it was made from on the other side of the network.
package api
