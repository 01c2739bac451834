package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metadata is what RFC 8414 §2 lets us say. There is no authorization endpoint,
// no token endpoint, no grant; an absent grant_types_supported would claim two.
type metadata struct {
	Issuer        string   `json:"issuer"`
	KeysURI       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
}

func (s *server) mountKeys() {
	s.routes.add(http.MethodGet, "/.well-known/jwks.json", http.HandlerFunc(s.serveKeys))
	s.routes.add(http.MethodGet, "/.well-known/oauth-authorization-server", http.HandlerFunc(s.serveMetadata))
}

func (s *server) serveKeys(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	cached(w, r, s.svc.KeyMaxAge(), s.svc.KeySet().JWKS())
}

func (s *server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(metadata{
		Issuer: s.svc.Issuer(), KeysURI: s.svc.Issuer() + "/.well-known/jwks.json",
		ResponseTypes: []string{}, GrantTypes: []string{},
	})
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	cached(w, r, s.svc.KeyMaxAge(), body)
}

// cached answers with a public document that may be kept for maxAge, and with
// 304 where the client has it still.
func cached(w http.ResponseWriter, r *http.Request, maxAge time.Duration, body []byte) {
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(int(maxAge.Seconds())))
	w.Header().Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // what fails now is the connection
}
