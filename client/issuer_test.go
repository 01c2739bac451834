package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/client"
	"github.com/pawlauth/pawl/guard"
)

var _ guard.Reissuer = (*client.Reissuer)(nil)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// SYSTEM A10, from another process: twenty requests with one expired token are
// one rotation, over HTTP to the issuer.
func TestInlineFromAnotherProcess(t *testing.T) {
	b := newBench(t)
	issuer := &client.Reissuer{URL: b.srv.URL, Transport: b.wire, Now: b.srv.Clock.Now}
	g := b.srv.Guard()
	app := httptest.NewServer(g.Inline(issuer, guard.InlineOptions{})(g.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
	defer app.Close()
	sent := b.srv.SignIn("id-anna")
	get := func() *http.Response {
		r, _ := http.NewRequest("GET", app.URL, nil)
		r.Header.Set("Authorization", "Bearer "+sent.AccessToken)
		r.AddCookie(&http.Cookie{Name: api.CookieName, Value: sent.RefreshToken})
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	b.srv.Advance(life)
	direct, err := b.srv.Service.Reissue(t.Context(), api.ReissueRequest{RefreshToken: sent.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp := get()
			k := resp.Cookies()
			if resp.StatusCode != 200 || len(k) != 1 || k[0].Value != direct.RefreshToken || k[0].MaxAge <= 0 {
				t.Errorf("%d, %v", resp.StatusCode, k)
			}
		})
	}
	wg.Wait()
	if b.took(5) != 1 || b.took(6) != 20 {
		t.Errorf("%d rotations, %d re-sends", b.took(5), b.took(6))
	}
	b.srv.StoreDown(true)
	if resp := get(); resp.StatusCode != 503 || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("the store is down: %d", resp.StatusCode)
	}
	b.srv.StoreDown(false)
	b.srv.Advance(life)
	if resp := get(); resp.StatusCode != 401 || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("reused: %d", resp.StatusCode)
	}
	_, err = issuer.Reissue(t.Context(), api.ReissueRequest{RefreshToken: sent.RefreshToken})
	if !errors.Is(err, api.LoginRequired(api.ReasonReused)) {
		t.Errorf("%v", err)
	}
	// What is between may set cookies of its own: a rotation must not be lost to it.
	sent = b.srv.SignIn("id-anna")
	b.srv.Advance(life)
	issuer.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := b.wire.RoundTrip(r)
		if err == nil {
			resp.Header.Add("Set-Cookie", "node=2; Path=/")
		}
		return resp, err
	})
	if got, err := issuer.Reissue(t.Context(), api.ReissueRequest{RefreshToken: sent.RefreshToken}); err != nil || !got.SetCookie || got.RefreshToken == "" {
		t.Errorf("behind a proxy that sets a cookie: %v", err)
	}
	issuer.URL = "http://login.example.com"
	if _, err := issuer.Reissue(t.Context(), api.ReissueRequest{RefreshToken: sent.RefreshToken}); err == nil {
		t.Error("a refresh token over plain HTTP")
	}
}
