package pawl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

// A stamped is a service whose sign-ins are looked at: no auth_time may be ahead
// of the clock by more than a second, whatever was ended how often.
type stamped struct {
	t     *testing.T
	svc   *pawl.Service
	store *memory.Store
	most  time.Duration
	mu    sync.Mutex
}

func startStamped(t *testing.T) *stamped {
	h, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &stamped{t: t, store: memory.New()}
	s.svc, err = pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"},
		Sessions: s.store, Users: s.store, Keys: s.store, MasterKey: pawl.NewMasterKey(), Hasher: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ann", "bob"} {
		if _, err := s.svc.CreateUser(t.Context(), pawl.NewUser{Login: id, Password: first}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const first, second = "seven-green-kettles", "eight-green-kettles"

// claims looks at the stamp of an access token, and that nothing that was ended
// covers it.
func (s *stamped) claims(tokens api.Tokens) *token.Access {
	s.t.Helper()
	info, err := token.Inspect(tokens.AccessToken)
	if err != nil {
		s.t.Fatal(err)
	}
	var c struct {
		Sub, Sid string
		AuthTime int64 `json:"auth_time"`
	}
	if err := json.Unmarshal(info.Claims, &c); err != nil {
		s.t.Fatal(err)
	}
	a := &token.Access{Subject: c.Sub, SessionID: c.Sid, AuthTime: time.Unix(c.AuthTime, 0)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, time.Until(a.AuthTime))
	if by, ended := s.svc.Revoked().Covers(a); ended {
		s.t.Errorf("a new session is covered by %+v", by)
	}
	return a
}

func (s *stamped) signIn(login, pw string) *token.Access {
	s.t.Helper()
	tokens, err := s.svc.Login(s.t.Context(), pawl.SignIn{Login: login, Password: pw})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.claims(tokens)
}

// gone checks that an end has ended it.
func (s *stamped) gone(a *token.Access) {
	s.t.Helper()
	if _, ended := s.svc.Revoked().Covers(a); !ended {
		s.t.Errorf("%s, signed in at %v, is not covered", a.Subject, a.AuthTime)
	}
}

func TestAuthTimeIsAtMostASecondAheadOfTheClock(t *testing.T) {
	const rounds = 10
	for name, act := range map[string]func(s *stamped){
		"changes of the password": func(s *stamped) {
			a := s.signIn("ann", first)
			for i := range rounds {
				pw := []string{first, second, first}[i%2:]
				tokens, err := s.svc.ChangePassword(s.t.Context(), a, pw[0], pw[1])
				if err != nil {
					s.t.Fatal(err)
				}
				old := a
				a = s.claims(tokens)
				s.gone(old)
			}
		},
		"changes of the password beside other sessions": func(s *stamped) {
			a := s.signIn("ann", first)
			for i := range rounds {
				pw := []string{first, second, first}[i%2:]
				other := s.signIn("ann", pw[0])
				tokens, err := s.svc.ChangePassword(s.t.Context(), a, pw[0], pw[1])
				if err != nil {
					s.t.Fatal(err)
				}
				s.gone(other)
				a = s.claims(tokens)
			}
		},
		"changes of the password at once": func(s *stamped) {
			a := s.signIn("ann", first)
			for range rounds {
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						pw := []string{first, second, first}[i%2:]
						tokens, err := s.svc.ChangePassword(s.t.Context(), a, pw[0], pw[1])
						if err == nil {
							s.claims(tokens)
						} else if code := api.AsError(err).Code; code != api.CodeConflict && code != api.CodeInvalidCredentials && code != api.CodeRateLimited {
							s.t.Error(err)
						}
					})
				}
				wg.Wait()
			}
		},
		"ends of a user's sessions": func(s *stamped) {
			for range rounds {
				a := s.signIn("ann", first)
				if _, err := s.svc.EndUser(s.t.Context(), a.Subject, api.ReasonEndedByAdmin); err != nil {
					s.t.Fatal(err)
				}
				s.gone(a)
			}
		},
		"ends of everyone's": func(s *stamped) {
			for range rounds {
				a, b := s.signIn("ann", first), s.signIn("bob", first)
				if err := s.svc.EndAll(s.t.Context(), api.ReasonEndedByAdmin); err != nil {
					s.t.Fatal(err)
				}
				s.gone(a)
				s.gone(b)
			}
			s.signIn("bob", first)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startStamped(t)
				defer s.svc.Close()
				act(s)
				if s.most > time.Second {
					t.Errorf("an auth_time is %v ahead of the clock", s.most)
				}
			})
		})
	}
}

// A restored database's mark is a minute ahead. Sign-ins after it are stamped
// later still, but the lead does not grow, and a password cannot be changed until
// it has shrunk.
func TestALeadThatIsThereDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startStamped(t)
		defer s.svc.Close()
		if _, err := s.store.EndAll(t.Context(), api.ReasonEndedByAdmin, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // until the service has read it
		var a *token.Access
		for range 8 {
			a = s.signIn("ann", first)
			if _, err := s.svc.EndUser(t.Context(), a.Subject, api.ReasonEndedByAdmin); err != nil {
				t.Fatal(err)
			}
			s.gone(a)
		}
		if s.most > time.Minute+time.Second {
			t.Errorf("an auth_time is %v ahead of the clock", s.most)
		}
		a = s.signIn("ann", first)
		_, err := s.svc.ChangePassword(t.Context(), a, first, second)
		if e := api.AsError(err); !errors.Is(err, api.ErrUnavailable) || e.RetryAfter < 30*time.Second || e.RetryAfter > 2*time.Minute {
			t.Errorf("a change of the password meanwhile: %v, %v", err, e.RetryAfter)
		}
		time.Sleep(2 * time.Minute)
		if _, err := s.svc.ChangePassword(t.Context(), a, first, second); err != nil {
			t.Errorf("a change of the password after it: %v", fmt.Sprint(err))
		}
	})
}
