package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/pawltest"
)

// staffed is a server with an administrator, root, and a registered client for
// each scope.
type staffed struct {
	*server
	root    string            // Authorization of the administrator
	clients map[string]string // scope → Authorization
}

func startStaffed(t *testing.T, opts ...pawltest.Option) *staffed {
	t.Helper()
	s := &staffed{server: start(t, opts...), clients: map[string]string{}}
	s.Add(pawl.User{ID: "id-root", Login: "root", Roles: []string{pawl.RoleAdmin}})
	s.root = bearer(s.AdminToken("id-root"))
	for _, scope := range pawl.Scopes() {
		_, secret, err := s.Service.AddClient(context.Background(), "only-"+scope, []string{scope})
		if err != nil {
			t.Fatal(err)
		}
		s.clients[scope] = basic("only-"+scope, secret)
	}
	return s
}

// basic is how RFC 6749 section 2.3.1 wants a client to authenticate.
func basic(id, secret string) string {
	return rawBasic(url.QueryEscape(id) + ":" + url.QueryEscape(secret))
}

func rawBasic(text string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

// read decodes the body of a success.
func read[T any](a answer) (out T) {
	a.t.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return out
}

// audited gives the kinds of the audit entries behind the mark, and checks that
// each says who did it and why.
func (s *staffed) audited(after *string, by, why string) (kinds []string) {
	s.t.Helper()
	page, err := s.Service.Audit(context.Background(), pawl.AuditQuery{After: *after, Limit: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	*after = page.Cursor
	for _, e := range page.Entries {
		kinds = append(kinds, e.Kind)
		if e.By != by || e.Why != why || e.Client.Address != "127.0.0.1" {
			s.t.Errorf("%s: by %q, why %q, from %q; want %q, %q", e.Kind, e.By, e.Why, e.Client.Address, by, why)
		}
	}
	return kinds
}

// auditEnd is the audit log's end.
func (s *staffed) auditEnd() (cursor string) {
	s.t.Helper()
	for {
		page, err := s.Service.Audit(context.Background(), pawl.AuditQuery{After: cursor, Limit: 200})
		if err != nil {
			s.t.Fatal(err)
		}
		if cursor = page.Cursor; !page.More {
			return cursor
		}
	}
}
