package httpapi

import (
	"net/http"
	"strings"

	"github.com/pawlauth/pawl/api"
)

// protect refuses state changes that a browser says come from another origin, a
// sibling subdomain included (SECURITY 35, 36), and tokens in the URL. It lets
// pass what says nothing of its origin; api.OriginProof is for that.
func (s *server) protect(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cross.Check(r) != nil {
			fail(w, r, api.ErrCrossSite.With("The request comes from another site. Send it from a page of this origin, or have the operator add yours to the trusted origins."))
			return
		}
		if err := noTokenInQuery(r); err != nil {
			fail(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// What pages of trusted origins may use (Fetch §3.3).
var (
	corsMethods = strings.Join([]string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}, ", ")
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, Pawl-Request"
	corsExpose  = "Pawl-Request-Id, Retry-After, WWW-Authenticate"
)

// cors lets the pages of trusted origins, and of no others, read the answers.
// The origin is compared exactly, and never echoed unless listed (SECURITY 37).
func (s *server) cors(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		trusted := s.origins[origin]
		if trusted {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Access-Control-Expose-Headers", corsExpose)
		}
		// A preflight at verifyPath is one of the application behind the proxy:
		// answering it with 2xx would say that the person is signed in.
		if !isPreflight(r) || r.URL.Path == verifyPath {
			h.ServeHTTP(w, r)
			return
		}
		if !trusted {
			fail(w, r, api.ErrCrossSite.With("This origin may not use the API. Have the operator add it to the trusted origins."))
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", corsMethods)
		w.Header().Set("Access-Control-Allow-Headers", corsHeaders)
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
