package httpapi_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
)

// SECURITY 42: an honest 429, for an account that exists and one that does not.
func TestTooManyFailuresAreRateLimited(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) {
		c.Throttle, c.SignInLimits = memory.NewThrottle(), pawl.SignInLimits{PerAccount: 2}
	}))
	s.AddUser("anna", pass)
	var seen []string
	for _, login := range []string{"anna", "nobody"} {
		for range 2 {
			s.send("POST", "/api/login", loginBody(login, "not the password"), own).is(401, "invalid_credentials")
		}
		a := s.send("POST", "/api/login", loginBody(login, pass), own).is(429, "rate_limited").says("Wait").keepsCookie()
		seen = append(seen, fmt.Sprint(a.status, a.body, a.header.Get("Retry-After")))
	}
	if seen[0] != seen[1] {
		t.Errorf("SECURITY 41: anna gets %s, nobody gets %s", seen[0], seen[1])
	}

	a := s.send("POST", "/api/login", loginBody("anna", pass), own).is(429, "rate_limited")
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Fatalf("Retry-After: %q", a.header.Get("Retry-After"))
	}
	s.Advance(time.Duration(seconds) * time.Second)
	s.send("POST", "/api/login", loginBody("anna", pass), own).is(200, "")
}

func TestTooManyWrongSetupCodesAndCurrentPasswordsAreRateLimited(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) {
		c.Throttle, c.SignInLimits = memory.NewThrottle(), pawl.SignInLimits{PerAccount: 1, PerAddress: 1}
	}))
	s.AddUser("anna", pass)
	t1 := s.SignIn("id-anna")
	change := fmt.Sprintf(`{"currentPassword":"wrong","newPassword":%q}`, pass2)
	s.send("POST", "/api/password", change, bearer(t1.AccessToken)).is(401, "invalid_credentials")
	s.send("POST", "/api/password", change, bearer(t1.AccessToken)).is(429, "rate_limited")

	setup := fmt.Sprintf(`{"code":"wrong","userId":"root","password":%q}`, pass2)
	s.send("POST", "/api/setup", setup).is(403, "access_denied")
	s.send("POST", "/api/setup", setup).is(429, "rate_limited")
}
