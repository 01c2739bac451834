package webui_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/webui"
)

func TestAFormSignsInWithoutAnyScript(t *testing.T) {
	s := start(t, webui.Options{})
	s.addUser("anna")
	s.get("/sign-in").is(200).says(`autocomplete="username"`).says(`autocomplete="current-password"`).says(`action="/sign-in"`)

	wrong := s.signIn("anna", "not her password").is(422).says("<title>Error: Sign in").says("The user ID or the password is not right.").says(`value="anna"`).says(`aria-invalid="true" aria-describedby="problem"`)
	if wrong.cookie != nil || strings.Contains(wrong.body, "not her password") {
		t.Error("a refused form sets a cookie, or shows the password")
	}
	first := s.signIn("anna", pass, "return_to", "/orders?page=2").goesOnTo("/orders?page=2")
	if first.cookie == nil || !first.cookie.HttpOnly || !first.cookie.Secure || first.cookie.SameSite != http.SameSiteLaxMode || first.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the cookie: %v, %v", first.cookie, first.header)
	}

	// The session that the browser had before is not left behind.
	again := s.post("/sign-in", []string{"userId", "anna", "password", pass}, "Sec-Fetch-Site: same-origin", "Cookie: "+first.cookie.Name+"="+first.cookie.Value).goesOnTo("/account")
	if again.cookie == nil || again.cookie.Value == first.cookie.Value {
		t.Error("no session of its own")
	}
	if _, err := s.svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: first.cookie.Value}); api.AsError(err).Reason != api.ReasonSignedOut {
		t.Errorf("the session of before: %v", err)
	}

	out := s.post("/sign-out", nil, "Sec-Fetch-Site: same-origin", "Cookie: "+again.cookie.Name+"="+again.cookie.Value).leadsTo("/sign-in?done=signed-out")
	if out.cookie == nil || out.cookie.MaxAge >= 0 {
		t.Errorf("the cookie is not cleared: %v", out.cookie)
	}
	if _, err := s.svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: again.cookie.Value}); api.AsError(err).Reason != api.ReasonSignedOut {
		t.Errorf("the session that was signed out: %v", err)
	}
	s.get("/sign-in?done=signed-out").says("You are signed out.")
	s.post("/sign-out", nil).leadsTo("/sign-in?done=signed-out") // nobody was signed in
}

// SECURITY 35, 36: another site must not sign anybody in as somebody else, nor
// out.
func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	s := start(t, webui.Options{})
	s.addUser("anna")
	good := []string{"userId", "anna", "password", pass, "code", "x"}
	const taken = 303
	for _, from := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"our page", []string{"Sec-Fetch-Site: same-origin"}, taken},
		{"our page, an older browser", []string{"Origin: https://login.example.com"}, taken},
		{"another site", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a sibling subdomain", []string{"Sec-Fetch-Site: same-site", "Origin: https://blog.example.com"}, 403},
		{"another origin, an older browser", []string{"Origin: https://evil.example"}, 403},
		{"a sandboxed frame", []string{"Origin: null"}, 403},
		{"who knows", []string{"X-Nothing: 1"}, 403},
	} {
		for _, path := range []string{"/sign-in", "/sign-out", "/set-up", "/reset"} {
			p := s.post(path, good, from.headers...)
			want := from.status
			switch {
			case want != taken:
			case path == "/sign-in":
				want = 200
			case path != "/sign-out":
				want = 422 // the code is not right
			}
			if p.status != want || want == 403 && p.cookie != nil {
				t.Errorf("%s to %s: %d, want %d; cookie %v", from.name, path, p.status, want, p.cookie)
			}
		}
	}
}

// SECURITY 42, as a person meets it.
func TestThrottlingIsToldWithTheTimeToWait(t *testing.T) {
	s := start(t, webui.Options{}, func(c *pawl.Config) {
		c.Throttle, c.SignInLimits = memory.NewThrottle(), pawl.SignInLimits{PerAccount: 2}
	})
	s.addUser("anna")
	for range 2 {
		s.signIn("anna", "wrong password").is(422)
	}
	for _, login := range []string{"anna", "anna"} {
		p := s.signIn(login, pass).is(429).says("Nothing is locked.").says("You can try again in")
		wait, err := strconv.Atoi(p.header.Get("Retry-After"))
		if err != nil || wait < 1 || !strings.Contains(p.body, fmt.Sprintf(`data-wait="%d"`, wait)) {
			t.Errorf("the wait: %q\n%s", p.header.Get("Retry-After"), p.body)
		}
	}
}

func TestSetUpByTheCodeThatTheServerPrints(t *testing.T) {
	s := start(t, webui.Options{})
	code, err := s.svc.OfferSetup(t.Context())
	if err != nil || code == "" {
		t.Fatal(code, err)
	}
	s.get("/set-up").is(200).says(`autocomplete="new-password"`).says("At least 12 characters")
	form := func(code, login, pw string) page {
		return s.post("/set-up", []string{"code", code, "userId", login, "password", pw})
	}
	form("not the code", "root", pass).is(422).says("The code is not right or was used.").says(`value="root"`)
	form(code, "root", "short").is(422).says("too short. Use at least 12").says(`value="` + code + `"`)
	form(code, "root", "password1234").is(422).says("This password is")
	form(code, "", pass).is(422).says("Choose a user ID")
	form(code, "root", pass).leadsTo("/sign-in?done=set-up")
	form(code, "root2", pass).is(422).says("The code is not right or was used.")
	s.get("/sign-in?done=set-up").says("The administrator was created.")
	s.signIn("root", pass).goesOnTo("/account")
}

func TestANewPasswordByTheCodeOfALink(t *testing.T) {
	s := start(t, webui.Options{})
	id := s.addUser("anna")
	before := s.signIn("anna", pass).cookie
	offer, err := s.svc.OfferReset(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	const next = "four-blue-teapots-sing"
	form := func(code, pw string) page { return s.post("/reset", []string{"code", code, "password", pw}) }
	form("not the code", next).is(422).says("The code is not right, was used or has expired.")
	form(offer.Code, "short").is(422).says("too short")
	done := form(offer.Code, next).leadsTo("/sign-in?done=reset")
	if done.cookie != nil {
		t.Error("a reset signs somebody in")
	}
	if _, err := s.svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: before.Value}); api.AsError(err).Reason != api.ReasonPasswordChanged {
		t.Errorf("the session of before: %v", err)
	}
	s.signIn("anna", pass).is(422)
	s.signIn("anna", next).goesOnTo("/account")
}

// SECURITY 62: a failing store is no wrong password, and no sign-out.
func TestAFailingStoreIsToldAsSuch(t *testing.T) {
	down := &broken{}
	s := start(t, webui.Options{}, func(c *pawl.Config) { down.SessionStore = c.Sessions; c.Sessions = down })
	s.addUser("anna")
	cookie := s.signIn("anna", pass).cookie
	down.on = true
	p := s.signIn("anna", pass).is(503).says("Nothing was lost; try again.").says(`value="anna"`)
	if p.header.Get("Retry-After") == "" || p.cookie != nil {
		t.Errorf("Retry-After %q, cookie %v", p.header.Get("Retry-After"), p.cookie)
	}
	out := s.post("/sign-out", nil, "Sec-Fetch-Site: same-origin", "Cookie: "+cookie.Name+"="+cookie.Value).is(503)
	if out.cookie != nil {
		t.Error("the cookie was cleared, while the session lives")
	}
}

func TestWhatAFormMayBring(t *testing.T) {
	s := start(t, webui.Options{})
	s.addUser("anna")
	s.signIn("anna", strings.Repeat("x", 20<<10)).is(422)
	s.signIn("", pass).is(422).says("Enter your user ID and your password.")
	s.signIn(`"><script>alert(1)</script>`, pass).is(422).says("&#34;&gt;&lt;script&gt;")
	two := s.post("/sign-in", []string{"userId", "anna", "password", pass}, "Sec-Fetch-Site: same-origin", "Cookie: __Host-refreshToken=a; __Host-refreshToken=b").is(422)
	if two.cookie != nil {
		t.Error("signed in beside a planted cookie")
	}
}

// A page may be asked to say one of its own sentences, and no other.
func TestALinkPutsNoWordsIntoOurMouth(t *testing.T) {
	s := start(t, webui.Options{})
	for reason, sentence := range map[string]string{
		api.ReasonReused: "it was stolen", api.ReasonDisabled: "disabled or no longer exists", api.ReasonEndedByAdmin: "An administrator ended this session",
	} {
		s.get("/sign-in?reason=" + reason).says(sentence)
	}
	notice := regexp.MustCompile(`class="notice"`)
	for _, q := range []string{"reason=call+0900+123", "reason=", "done=you+won", "done=notice.reset", "reason=../language"} {
		if p := s.get("/sign-in?" + q); notice.MatchString(p.body) {
			t.Errorf("%s: the page says something", q)
		}
	}
	for _, r := range api.Reasons() { // each has its sentence
		if p := s.get("/sign-in?reason=" + r); !notice.MatchString(p.body) {
			t.Errorf("there are no words for the reason %s", r)
		}
	}
}

// oldSystem knows one token, of anna.
type oldSystem struct{}

func (oldSystem) Verify(_ context.Context, compact string) (pawl.LegacyToken, error) {
	if compact != "old" {
		return pawl.LegacyToken{}, pawl.ErrNotLegacy
	}
	now := time.Now()
	return pawl.LegacyToken{User: "anna", Secret: [16]byte{1}, Issued: now.Add(-time.Hour), Expires: now.Add(24 * time.Hour)}, nil
}

func (oldSystem) Current(context.Context, pawl.LegacyToken, string) (bool, error) { return true, nil }

// Once Pawl's cookie is gone, the old system's would sign the person in again.
func TestTheFormsUseUpWhatAnOldSystemLeft(t *testing.T) {
	for path, status := range map[string]int{"/sign-in": 200, "/sign-out": 303} {
		s := start(t, webui.Options{LegacyCookie: api.LegacyCookie{Name: "rt"}}, func(c *pawl.Config) { c.Legacy = oldSystem{} })
		s.addUser("anna")
		p := s.post(path, []string{"userId", "anna", "password", pass}, "Sec-Fetch-Site: same-origin", "Cookie: rt=old").is(status)
		if !slices.ContainsFunc(p.header.Values("Set-Cookie"), func(c string) bool { return strings.HasPrefix(c, "rt=; Path=/; Max-Age=0") }) {
			t.Errorf("%s: the old cookie stays: %v", path, p.header.Values("Set-Cookie"))
		}
		if _, err := s.svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: "old"}); api.AsError(err).Reason != api.ReasonSignedOut {
			t.Errorf("%s: the old token still moves in: %v", path, err)
		}
	}
}
