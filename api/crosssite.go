package api

import (
	"net/http"
	"strings"
)

// OriginProof wants a header that a page of another origin cannot send
// unasked: a browser too old for Sec-Fetch-Site and Origin would otherwise let
// any site act with the cookie (SECURITY 35). http.CrossOriginProtection lets
// such requests pass; this is asked beside it. Of Authorization only a Bearer
// counts: browsers add Basic, Digest and Negotiate to requests by themselves, other
// sites' too. Error: ErrCrossSite.
func OriginProof(r *http.Request) error {
	for _, name := range []string{"Sec-Fetch-Site", "Origin", "Pawl-Request", "Idempotency-Key"} {
		if r.Header.Get(name) != "" {
			return nil
		}
	}
	if HasScheme(r.Header.Get("Authorization"), "Bearer") {
		return nil
	}
	return ErrCrossSite.With("Nothing shows that the request comes from an allowed origin. Outside a browser, add the header Pawl-Request: 1; with curl: -H 'Pawl-Request: 1'")
}

// HasScheme reports whether the value of an Authorization header is of the
// scheme, in whatever case (RFC 9110 section 11.1).
func HasScheme(authorization, scheme string) bool {
	is, _, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(is, scheme)
}
