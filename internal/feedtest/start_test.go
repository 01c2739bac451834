package feedtest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

// What waiting does not mend is told at once, with what to do.
func TestARemoteGuardThatCannotStart(t *testing.T) {
	w := newWorld(t)
	_, wrongScope, err := w.Service.AddClient(t.Context(), "users", []string{pawl.ScopeUsers})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*guard.RemoteOptions)
		says   string
	}{
		{"no issuer", func(o *guard.RemoteOptions) { o.Issuer = "" }, "Issuer is missing"},
		{"no client", func(o *guard.RemoteOptions) { o.ClientID = "" }, "pawl client add"},
		{"no secret", func(o *guard.RemoteOptions) { o.Secret = "" }, "pawl client add"},
		{"no policy", func(o *guard.RemoteOptions) { o.Stale = 0 }, "guard.GoOn"},
		{"a bound below the heartbeat", func(o *guard.RemoteOptions) { o.StaleAfter = time.Second }, "3 s or more"},
		{"offline without a file", func(o *guard.RemoteOptions) { o.StartOffline = true }, "KeyFile"},
		{"no TLS", func(o *guard.RemoteOptions) { o.URL = "http://login.example.com" }, "must begin with https://"},
		{"no TLS, by a name like this machine's", func(o *guard.RemoteOptions) { o.URL = "http://127.0.0.1.example.com" }, "must begin with https://"},
		{"another scheme", func(o *guard.RemoteOptions) { o.URL = "ftp://127.0.0.1" }, "must begin with https://"},
		{"a slash at its end", func(o *guard.RemoteOptions) { o.URL += "/" }, "without a slash"},
		{"a user in it", func(o *guard.RemoteOptions) { o.URL = "https://a:b@login.example.com" }, "must be such as"},
		// SECURITY 19: byte-equal
		{"another issuer", func(o *guard.RemoteOptions) { o.Issuer = "https://other.example" }, "set RemoteOptions.Issuer to exactly that"},
		{"an issuer that differs by its case", func(o *guard.RemoteOptions) { o.Issuer = strings.Replace(o.Issuer, "https", "HTTPS", 1) }, "set RemoteOptions.Issuer to exactly that"},
		{"a wrong secret", func(o *guard.RemoteOptions) { o.Secret = "wrong" }, "it answers 401: The client id or its secret is not right. Look at the client with pawl client list"},
		{"a client without the scope", func(o *guard.RemoteOptions) { o.ClientID, o.Secret = "users", wrongScope }, "Look at the client with pawl client list: it needs the scope feed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := guard.Remote(t.Context(), w.options(c.change))
			if err == nil {
				r.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), w.secret) || strings.Contains(err.Error(), wrongScope) {
				t.Errorf("the secret is in it: %q", err)
			}
		})
	}
}

// A secret key is published nowhere: nothing could be checked.
func TestAnIssuerWithoutPublicKeys(t *testing.T) {
	w := newWorld(t, func(c *pawl.Config) { c.KeyPolicy.Algorithm = token.HS256 })
	if _, err := guard.Remote(t.Context(), w.options()); err == nil || !strings.Contains(err.Error(), "HS256") {
		t.Errorf("%v", err)
	}
}

// The issuer is gone when a service starts.
func TestAStartWithoutTheIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	cached := func(o *guard.RemoteOptions) { o.KeyFile = file }
	w.service(cached).remote.Close()
	checkKeyFile(t, file)

	a, missed := w.signIn(), w.signIn()
	w.logout(missed)
	w.line.cut()
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	if _, err := guard.Remote(soon(), w.options(cached)); err == nil {
		t.Error("it started without having been told to")
	}
	for _, c := range []struct {
		name  string
		stale guard.Staleness
		want  error
	}{{"going on", guard.GoOn, nil}, {"failing closed", guard.FailClosed, api.ErrUnavailable}} {
		t.Run(c.name, func(t *testing.T) {
			w.line.cut()
			r, err := guard.Remote(soon(), w.options(cached, func(o *guard.RemoteOptions) { o.Stale, o.StartOffline = c.stale, true }))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			s := w.over(t, r)
			s.is("a good token", a, c.want)
			s.is("one that was ended", missed, c.want)
			if st := r.Stats(); !st.Stale || st.Age >= 0 || st.Refusing != (c.want != nil) {
				t.Errorf("%+v", st)
			}
			if got := call(r.Health(), "").Code; got != map[bool]int{false: 200, true: 503}[c.want != nil] {
				t.Errorf("health: %d", got)
			}
			w.line.join()
			s.becomes("once the issuer is there", missed, signedOut)
			s.becomes("a good token", a, nil)
		})
	}
}

func (w *world) over(t *testing.T, r *guard.RemoteIssuer) *service {
	t.Helper()
	g, err := guard.New(r, guard.Options{Issuer: w.URL, Audience: w.Service.Audience(), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	return &service{g, r, t}
}

// checkKeyFile: public members only, and for nobody else to write.
func checkKeyFile(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		JWKS struct{ Keys []map[string]any } `json:"jwks"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.JWKS.Keys) == 0 {
		t.Fatalf("%v: %s", err, b)
	}
	for _, k := range doc.JWKS.Keys {
		for _, private := range []string{"d", "k", "p", "q"} {
			if k[private] != nil {
				t.Errorf("SECURITY 16: %q is in the file", private)
			}
		}
	}
}

// SECURITY 20: whoever can write the file makes tokens.
func TestKeyFilesThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	w.service(func(o *guard.RemoteOptions) { o.KeyFile = file }).remote.Close()
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.line.cut()
	for _, c := range []struct {
		name string
		body string
		mode os.FileMode
		says string
	}{
		{"others can write it", string(good), 0o622, "others can write"},
		{"of another issuer", strings.Replace(string(good), "127.0.0.1", "127.0.0.2", 1), 0o600, "is of the issuer"},
		{"cut off", string(good[:len(good)/2]), 0o600, "read the key file"},
		{"empty", "", 0o600, "read the key file"},
		{"with a key whose kid is another's", strings.Replace(string(good), `"kid":"`, `"kid":"x`, 1), 0o600, "thumbprint"},
		{"with a secret key", strings.Replace(string(good), `"keys":[`, `"keys":[{"kty":"oct","k":"AAAA"},`, 1), 0o600, "private or symmetric"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, c.mode); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			r, err := guard.Remote(ctx, w.options(func(o *guard.RemoteOptions) { o.KeyFile, o.StartOffline = file, true }))
			if err == nil {
				r.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}
