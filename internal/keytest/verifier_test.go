package keytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// verifier is a service elsewhere that knows nothing of Pawl but the address of
// its keys. It keeps them for as long as it may, to the second, and fetches
// nothing for a key that it does not know.
type verifier struct {
	node node

	mu      sync.Mutex
	keys    jose.JSONWebKeySet
	until   time.Time
	fetched int
}

func (v *verifier) current() (jose.JSONWebKeySet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	began := time.Now()
	if began.Before(v.until) {
		return v.keys, nil
	}
	resp, err := http.Get(v.node.url + "/.well-known/jwks.json")
	if err != nil {
		return v.keys, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return v.keys, err
	}
	_, age, _ := strings.Cut(resp.Header.Get("Cache-Control"), "max-age=")
	seconds, err := strconv.Atoi(age)
	if err != nil || seconds < 1 {
		return v.keys, fmt.Errorf("Cache-Control: %q", resp.Header.Get("Cache-Control"))
	}
	v.keys, v.until = jose.JSONWebKeySet{}, began.Add(time.Duration(seconds)*time.Second)
	v.fetched++
	return v.keys, json.Unmarshal(b, &v.keys)
}

// check gives what is wrong with an access token, and which key signed it.
func (v *verifier) check(access string) (kid, problem string) {
	keys, err := v.current()
	if err != nil {
		return "", err.Error()
	}
	signed, err := jose.ParseSignedCompact(access, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", err.Error()
	}
	kid = signed.Signatures[0].Header.KeyID
	found := keys.Key(kid)
	if len(found) != 1 {
		return kid, "the copy of the keys has no key " + kid
	}
	payload, err := signed.Verify(found[0].Key)
	if err != nil {
		return kid, err.Error()
	}
	var claims struct{ Exp int64 }
	if err := json.Unmarshal(payload, &claims); err != nil || time.Now().Unix() >= claims.Exp {
		return kid, fmt.Sprint("expired, or no token: ", err)
	}
	return kid, ""
}
