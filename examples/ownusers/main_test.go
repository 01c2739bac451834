package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
)

func TestOwnUserTable(t *testing.T) {
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hasher.Hash(context.Background(), "seven purple herons")
	if err != nil {
		t.Fatal(err)
	}
	svc, err := newService(t.Context(), "https://shop.example", customers{
		{number: "c-1", email: "ann@example.com", passhash: hash},
		{number: "c-2", email: "bob@example.com", passhash: hash, staff: true},
		{number: "c-3", email: "eve@example.com", passhash: hash, blocked: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	handler, err := newHandler(svc)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()

	for _, c := range []struct {
		email                string
		login, orders, stock int
		says                 string
	}{
		{"ann@example.com", 200, 200, 403, "orders of customer c-1\n"},
		{"bob@example.com", 200, 200, 200, "orders of customer c-2\n"},
		{"eve@example.com", 401, 401, 401, ""},
		{"nobody@example.com", 401, 401, 401, ""},
	} {
		status, body := send(t, http.MethodPost, srv.URL+"/api/login", "", `{"userId":"`+c.email+`","password":"seven purple herons","delivery":"body"}`)
		if status != c.login {
			t.Errorf("%s: login %d, want %d", c.email, status, c.login)
		}
		var tokens api.TokenResponse
		_ = json.Unmarshal([]byte(body), &tokens)
		status, body = send(t, http.MethodGet, srv.URL+"/orders", tokens.AccessToken, "")
		if status != c.orders || c.says != "" && body != c.says {
			t.Errorf("%s: orders %d %q, want %d %q", c.email, status, body, c.orders, c.says)
		}
		if status, _ := send(t, http.MethodGet, srv.URL+"/stock", tokens.AccessToken, ""); status != c.stock {
			t.Errorf("%s: stock %d, want %d", c.email, status, c.stock)
		}
		if c.login != 200 {
			continue
		}
		if status, _ := send(t, http.MethodPost, srv.URL+"/api/logout", tokens.AccessToken, ""); status != 204 {
			t.Errorf("%s: logout %d", c.email, status)
		}
		if status, _ := send(t, http.MethodGet, srv.URL+"/orders", tokens.AccessToken, ""); status != 401 {
			t.Errorf("%s: orders after logout %d, want 401", c.email, status)
		}
	}
}

// The example speaks plain HTTP: other machines must not reach it, and its cookie
// is that of a real program.
func TestTheExampleIsForThisMachineOnly(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:8081": true, "localhost:0": true, "[::1]:8081": true,
		":8081": false, "0.0.0.0:8081": false, "[::]:8081": false, "192.0.2.1:8081": false, "shop.example:80": false,
	} {
		if err := onlyHere(listen); (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func send(t *testing.T, method, url, bearer, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Pawl-Request", "1")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}
