package pawltest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
	"github.com/pawlauth/pawl/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheClockMovesOnlyWhenTold(t *testing.T) {
	srv := pawltest.NewServer(t)
	before := srv.Clock.Now()
	if !srv.Service.Now().Equal(before) {
		t.Errorf("the service's time is %v, the clock's %v", srv.Service.Now(), before)
	}
	srv.Advance(time.Hour)
	srv.Clock.Advance(-time.Minute)
	if d := srv.Service.Now().Sub(before); d != 59*time.Minute {
		t.Errorf("moved by %v", d)
	}
	srv.Add(pawl.User{ID: "id-anna", Login: "anna"})
	tokens := srv.SignIn("id-anna")
	if _, err := srv.Guard().Check(tokens.AccessToken); err != nil {
		t.Errorf("now: %v", err)
	}
	srv.Advance(pawl.DefaultAccessTTL)
	if _, err := srv.Guard().Check(tokens.AccessToken); !errors.Is(err, api.ErrTokenExpired) {
		t.Errorf("later: %v", err)
	}
}

// What the store's callers see while it is down, method by method.
func TestStoreDownFailsEveryStoreCall(t *testing.T) {
	srv := pawltest.NewServer(t)
	srv.AddUser("anna", "a long enough password")
	who, err := srv.Guard().Check(srv.SignIn("id-anna").AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	code, err := srv.Service.OfferSetup(t.Context())
	if err != nil || code == "" {
		t.Fatalf("%q, %v", code, err)
	}
	svc := srv.Service
	calls := map[string]func(context.Context) error{
		"Ready": svc.Ready,
		"Login": func(ctx context.Context) error {
			_, err := svc.Login(ctx, pawl.SignIn{Login: "anna", Password: "a long enough password"})
			return err
		},
		"Start":      func(ctx context.Context) error { _, err := svc.Start(ctx, "id-anna", pawl.Client{}); return err },
		"Sessions":   func(ctx context.Context) error { _, err := svc.Sessions(ctx, who, "", 0); return err },
		"EndSession": func(ctx context.Context) error { return svc.EndSession(ctx, who, who.SessionID, pawl.Client{}) },
		"EndUser": func(ctx context.Context) error {
			_, err := svc.EndUser(ctx, "id-anna", api.ReasonEndedByAdmin)
			return err
		},
		"EndAll": func(ctx context.Context) error { return svc.EndAll(ctx, api.ReasonEndedByAdmin) },
		"CreateUser": func(ctx context.Context) error {
			_, err := svc.CreateUser(ctx, pawl.NewUser{Login: "bob", Password: "a long enough password"})
			return err
		},
		"ChangePassword": func(ctx context.Context) error {
			_, err := svc.ChangePassword(ctx, who, "a long enough password", "another one, as long")
			return err
		},
		"Setup": func(ctx context.Context) error {
			_, err := svc.Setup(ctx, code, "root", "a long enough password")
			return err
		},
		"OfferSetup": func(ctx context.Context) error { _, err := svc.OfferSetup(ctx); return err },
	}
	srv.StoreDown(true)
	for name, call := range calls {
		if err := call(t.Context()); !errors.Is(err, api.ErrUnavailable) || !errors.Is(err, pawltest.ErrStoreDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	srv.StoreDown(false)
	if err := svc.Ready(t.Context()); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestDropNextReplyDoesTheWorkFirst(t *testing.T) {
	srv := pawltest.NewServer(t)
	srv.Add(pawl.User{ID: "id-anna", Login: "anna"})
	for _, keepAlive := range []bool{false, true} {
		tokens := srv.SignIn("id-anna")
		client := srv.Client()
		client.Transport.(*http.Transport).DisableKeepAlives = !keepAlive
		get := func(method, path string) error {
			r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
			r.Header.Set("Idempotency-Key", "0123456789abcdefghijkl") // makes net/http repeat, if it may
			resp, err := client.Do(r)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			return err
		}
		if err := get("GET", "/api/session"); err != nil {
			t.Fatal(err)
		}
		srv.DropNextReply()
		srv.DropNextReply()
		for range 2 {
			if get("POST", "/api/logout") == nil {
				t.Errorf("keep-alive %v: the reply came through", keepAlive)
			}
		}
		if err := get("GET", "/api/session"); err != nil {
			t.Errorf("keep-alive %v: after the dropped ones: %v", keepAlive, err)
		}
		if _, err := srv.Guard().Check(tokens.AccessToken); !errors.Is(err, api.LoginRequired(api.ReasonSignedOut)) {
			t.Errorf("keep-alive %v: the work was not done: %v", keepAlive, err)
		}
		client.CloseIdleConnections()
	}
}

func TestUsersOfOnesOwn(t *testing.T) {
	own := memory.New()
	if err := own.CreateUser(t.Context(), pawl.User{ID: "7", Login: "anna"}); err != nil {
		t.Fatal(err)
	}
	type setter struct {
		pawl.Users
		pawl.PasswordSetter
	}
	for name, c := range map[string]struct {
		users  pawl.Users
		setter bool
	}{
		"two methods":              {struct{ pawl.Users }{own}, false},
		"with changeable password": {setter{own, own}, true},
	} {
		srv := pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) { c.Users = own }),
			pawltest.WithConfig(func(cfg *pawl.Config) { cfg.Users = c.users }))
		who, err := srv.Guard().Check(srv.SignIn("7").AccessToken)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = srv.Service.ChangePassword(t.Context(), who, "x", "a long enough password")
		if can := !errors.Is(err, api.ErrNotFound); can != c.setter {
			t.Errorf("%s: ChangePassword: %v", name, err)
		}
		srv.Disable("7", true)
		if _, err := srv.Service.Start(t.Context(), "7", pawl.Client{}); !errors.Is(err, api.LoginRequired(api.ReasonDisabled)) {
			t.Errorf("%s: disabled: %v", name, err)
		}
		srv.Disable("7", false)
		srv.SignIn("7")
	}
}

// failingT is a test that may fail without failing this one.
type failingT struct {
	exampleT
	failed string
}

func (t *failingT) Fatalf(format string, _ ...any) {
	t.failed = format
	panic(t)
}

func TestWhatCannotBeStartedFailsTheTest(t *testing.T) {
	for name, opt := range map[string]pawltest.Option{
		"the configuration": pawltest.WithConfig(func(c *pawl.Config) { c.Audience = nil }),
		"the API's options": pawltest.WithAPI(func(o *httpapi.Options) { o.TrustedOrigins = []string{"*"} }),
	} {
		inner := &failingT{}
		func() {
			defer func() { _ = recover() }()
			pawltest.NewServer(inner, opt)
		}()
		if inner.failed == "" {
			t.Errorf("%s was taken", name)
		}
	}
}
