package httpapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

// gatewaySecret is that of the gateway in these tests, proof what it sends, and
// asGet what it says of a client that sent a GET.
const (
	gatewaySecret = "S3/9kq0Tn2dW+VbYx8LmZr5uHcJf1oAe"
	proof         = "Pawl-Gateway: " + gatewaySecret
	asGet         = "X-Forwarded-Method: GET"
)

var reissues = withAPI(func(o *httpapi.Options) {
	o.VerifyReissue, o.GatewaySecrets = true, []string{gatewaySecret}
})

// lines gives the cookies of an answer of verify, and checks that each Set-Cookie
// line is repeated in the header of its own.
func (a verified) lines() (refresh, access *http.Cookie) {
	a.t.Helper()
	for _, line := range a.header.Values("Set-Cookie") {
		k, err := http.ParseSetCookie(line)
		if err != nil || !k.HttpOnly || !k.Secure || k.MaxAge <= 0 || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode {
			a.t.Errorf("SECURITY 30: %s", line)
			continue
		}
		again := "Pawl-Access-Cookie"
		if k.Name == api.CookieName {
			refresh, again = k, "Pawl-Refresh-Cookie"
		} else {
			access = k
		}
		if a.header.Get(again) != line {
			a.t.Errorf("%s: %q, want %q", again, a.header.Get(again), line)
		}
	}
	return refresh, access
}

// verified is an answer of verify; its cookies are two.
type verified struct {
	t      *testing.T
	status int
	header http.Header
}

// verify asks as the gateway does.
func (s *server) verify(headers ...string) verified {
	s.t.Helper()
	return s.verifyAs(append(headers, proof)...)
}

// verifyAs asks without a proof, unless one is among the headers.
func (s *server) verifyAs(headers ...string) verified {
	s.t.Helper()
	r := s.request("GET", "/api/verify", "", headers...)
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := theContract.check(r, nil, resp, nil); err != nil && resp.StatusCode < 300 {
		s.t.Errorf("not as documented: %v", err)
	}
	return verified{s.t, resp.StatusCode, resp.Header}
}

func TestVerifyReissuesWhereThatIsOn(t *testing.T) {
	s := start(t, reissues)
	_, tokens := s.anna()
	s.Advance(time.Hour)

	a := s.verify(cookie(tokens.RefreshToken), bearer(tokens.AccessToken), asGet)
	refresh, access := a.lines()
	if a.status != 204 || a.header.Get("Pawl-Subject") != "id-anna" || refresh == nil || access == nil || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if got := a.header.Get("Authorization"); got != "Bearer "+access.Value {
		t.Errorf("Authorization: %s", got)
	}
	both := "Cookie: " + api.CookieName + "=" + refresh.Value + "; " + api.AccessCookieName + "=" + access.Value
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"by the access cookie: nothing is reissued", []string{both, asGet}, 204, ""},
		{"a form of our own", []string{both, "X-Forwarded-Method: POST", own}, 204, ""},
		{"SECURITY 35: a form of another site, by the original method", []string{both, "X-Forwarded-Method: POST", "Sec-Fetch-Site: cross-site"}, 403, "cross_site"},
		{"SECURITY 35: a form that says nothing", []string{both, "X-Forwarded-Method: POST"}, 403, "cross_site"},
		{"SECURITY 35: without the original method cookies are nothing", []string{both, own}, 401, "access_denied"},
		{"a proxy's Basic beside them", []string{both, asGet, "Authorization: Basic YTpi"}, 204, ""},
		{"SECURITY 35: a proxy's Basic shows nothing", []string{both, "X-Forwarded-Method: POST", "Authorization: Basic YTpi"}, 403, "cross_site"},
		{"but a bearer is", []string{both, bearer(access.Value)}, 204, ""},
		{"a bearer is bad for another reason", []string{both, bearer("x"), asGet}, 401, "invalid_token"},
		{"two original methods", []string{both, asGet, "X-Forwarded-Method: POST", own}, 401, "invalid_token"},
		{"two refresh cookies", []string{cookie("a"), cookie("b"), asGet}, 401, "invalid_token"},
		{"the access cookie alone", []string{"Cookie: " + api.AccessCookieName + "=" + access.Value, asGet}, 401, "access_denied"},
	} {
		a := s.verify(c.headers...)
		if a.status != c.status || a.header.Get("Pawl-Code") != c.code || len(a.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d %s %v", c.name, a.status, a.header.Get("Pawl-Code"), a.header.Values("Set-Cookie"))
		}
	}
	t.Run("row 4 gives an access cookie only", func(t *testing.T) {
		if refresh, access := s.verify(cookie(refresh.Value), asGet).lines(); refresh != nil || access == nil {
			t.Errorf("%v, %v", refresh, access)
		}
	})
	t.Run("SECURITY 62: the store fails", func(t *testing.T) {
		s.StoreDown(true)
		defer s.StoreDown(false)
		a := s.verify(cookie(refresh.Value), asGet)
		if a.status != 503 || a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("the sign-out clears both cookies", func(t *testing.T) {
		r := s.request("POST", "/api/logout", "", both, own)
		resp, err := s.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		cleared := strings.Join(resp.Header.Values("Set-Cookie"), "\n")
		if !strings.Contains(cleared, api.CookieName+"=; ") || !strings.Contains(cleared, api.AccessCookieName+"=; ") {
			t.Errorf("cleared: %s", cleared)
		}
		if a := s.verify(both, asGet); a.status != 401 || a.header.Get("Pawl-Reason") != "signed_out" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("signed out: %d %v", a.status, a.header)
		}
	})
}

func TestVerifyTakesParallelRequests(t *testing.T) {
	s := start(t, reissues)
	_, tokens := s.anna()
	s.Advance(pawl.DefaultAccessTTL)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]int{}
	)
	for range 20 {
		wg.Go(func() {
			a := s.verify(cookie(tokens.RefreshToken), bearer(tokens.AccessToken), asGet)
			refresh, _ := a.lines()
			if a.status != 204 || refresh == nil {
				t.Errorf("%d", a.status)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[refresh.Value]++
		})
	}
	wg.Wait()
	if len(seen) != 1 {
		t.Errorf("%d different refresh tokens, want 1", len(seen))
	}
}
