// Package feed_test runs the examples in Node and Python against a real server.
package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

// languages are the examples: how each follows the feed, and how it says whether
// an entry covers the claims of a token.
var languages = []struct {
	name   string
	follow []string
	covers func(entry, claims string) []string
	keeps  func(entry, now string) []string
}{
	{"node", []string{"node", "feed.mjs"}, func(entry, claims string) []string {
		return []string{"node", "--input-type=module", "-e", `import { Revoked } from "./feed.mjs"; const r = new Revoked(); r.add(` + entry + `); console.log(r.covers(` + claims + `))`}
	}, func(entry, now string) []string {
		return []string{"node", "--input-type=module", "-e", `import { Revoked } from "./feed.mjs"; const r = new Revoked(); r.add(` + entry + `); r.forget(` + now + `); console.log(r.entries.size == 1)`}
	}},
	{"python3", []string{"python3", "-B", "feed.py"}, func(entry, claims string) []string {
		return []string{"python3", "-B", "-c", "import feed, json; r = feed.Revoked(); r.add(json.loads('" + entry + "')); print(str(r.covers(json.loads('" + claims + "'))).lower())"}
	}, func(entry, now string) []string {
		return []string{"python3", "-B", "-c", "import feed, json; r = feed.Revoked(); r.add(json.loads('" + entry + "')); r.forget(json.loads('" + now + "')); print(str(len(r.entries) == 1).lower())"}
	}},
}

// needs skips, loudly, where the language is not installed.
func needs(t *testing.T, program string) {
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("NOT TESTED: %s is not installed, so its example did not run", program)
	}
}

func TestTheExamplesFollowTheFeed(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			needs(t, l.name)
			s := newServer(t)
			first := s.signIn()
			s.logout(first)
			lines := s.run(t, l.follow...)
			wants(t, lines, "ended session "+first.SessionID+" signed_out")
			wants(t, lines, "keys "+s.Service.KeySet().Signing().ID())
			wants(t, lines, "the picture is whole: 1 entries")

			second := s.signIn()
			s.logout(second)
			wants(t, lines, "ended session "+second.SessionID+" signed_out")

			s.cut()
			third := s.signIn()
			s.logout(third)
			s.join()
			// Resumed: what it had is not told again.
			if got := next(t, lines, "ended"); got != "ended session "+third.SessionID+" signed_out" {
				t.Errorf("after the line was cut: %q", got)
			}
			if err := s.Service.EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
				t.Fatal(err)
			}
			wants(t, lines, "ended all - ended_by_admin")
		})
	}
}

func TestTheExamplesKnowWhatAnEntryCovers(t *testing.T) {
	at := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	user := api.FeedEntry{Kind: "user", ID: "ann", NotBefore: &at, At: at}
	all := api.FeedEntry{Kind: "all", NotBefore: &at, At: at}
	for _, c := range []struct {
		name  string
		entry api.FeedEntry
		sid   string
		sub   string
		auth  int64
		want  bool
	}{
		{"the session", api.FeedEntry{Kind: "session", ID: "s1", At: at}, "s1", "ann", at.Unix(), true},
		{"another session", api.FeedEntry{Kind: "session", ID: "s1", At: at}, "s2", "ann", at.Unix(), false},
		{"the user, signed in before", user, "s1", "ann", at.Unix(), true},
		{"the user, signed in after", user, "s1", "ann", at.Unix() + 1, false},
		{"another user", user, "s1", "bob", at.Unix(), false},
		{"everybody, signed in before", all, "s1", "bob", at.Unix(), true},
		{"everybody, signed in after", all, "s1", "bob", at.Unix() + 1, false},
	} {
		entry, _ := json.Marshal(c.entry)
		claims := fmt.Sprintf(`{"sid":%q,"sub":%q,"auth_time":%d}`, c.sid, c.sub, c.auth)
		for _, l := range languages {
			t.Run(l.name+"/"+c.name, func(t *testing.T) {
				needs(t, l.name)
				says(t, c.want, l.covers(string(entry), claims))
			})
		}
	}
}

// An entry is forgotten when it is too old by both clocks: where this machine's
// lags, tokens live longer here.
func TestTheExamplesForgetOldEntries(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name string
		at   time.Duration // of the entry, before now
		feed time.Duration // what the issuer's clock is ahead
		want bool
	}{
		{"young", 30 * time.Minute, 0, true},
		{"old", 90 * time.Minute, 0, false},
		{"old by a clock that is ahead only", 90 * time.Minute, -time.Hour, true},
		{"old by the issuer's only, as ours lags", 30 * time.Minute, time.Hour, true},
	} {
		entry, _ := json.Marshal(api.FeedEntry{Kind: "session", ID: "s1", At: now.Add(-c.at)})
		current, _ := json.Marshal(api.FeedNow{Time: now.Add(c.feed), KeepSeconds: 3600})
		for _, l := range languages {
			t.Run(l.name+"/"+c.name, func(t *testing.T) {
				needs(t, l.name)
				says(t, c.want, l.keeps(string(entry), string(current)))
			})
		}
	}
}

// A redirect would carry the client's secret to wherever it leads.
func TestTheExamplesFollowNoRedirect(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			needs(t, l.name)
			stolen := make(chan string, 1)
			thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				stolen <- r.Header.Get("Authorization")
			}))
			defer thief.Close()
			asked := make(chan struct{}, 100)
			issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, thief.URL, http.StatusFound)
				asked <- struct{}{}
			}))
			defer issuer.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, l.follow[0], append(l.follow[1:], issuer.URL, "example", "secret")...)
			ended := make(chan error, 1)
			go func() { ended <- cmd.Run() }()
			<-asked
			select { // it gives up, or tries again
			case err := <-ended:
				if err == nil {
					t.Error("it ended without an error")
				}
			case <-asked:
				cancel()
				<-ended
			case <-stolen:
				t.Error("it followed")
			}
		})
	}
}

// says runs a program and compares what it printed.
func says(t *testing.T, want bool, args []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(want) {
		t.Errorf("%v %s, want %v", err, got, want)
	}
}

// server is a real Pawl on plain HTTP, whose line can be cut.
type server struct {
	*pawltest.Server
	t      *testing.T
	http   *httptest.Server
	secret string
	shut   chan struct{} // filled while the line is cut
}

func newServer(t *testing.T) *server {
	s := &server{Server: pawltest.NewServer(t), t: t, shut: make(chan struct{}, 1)}
	s.Add(pawl.User{ID: "id-ann", Login: "ann"})
	_, secret, err := s.Service.AddClient(t.Context(), "example", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	s.secret = secret
	h, err := httpapi.New(s.Service, httpapi.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.shut <- struct{}{}
		<-s.shut
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

func (s *server) cut() {
	s.shut <- struct{}{}
	s.http.CloseClientConnections()
}

func (s *server) join() { <-s.shut }

func (s *server) signIn() api.Tokens { return s.SignIn("id-ann") }

func (s *server) logout(a api.Tokens) {
	s.t.Helper()
	if err := s.Service.Logout(context.Background(), api.ReissueRequest{RefreshToken: a.RefreshToken}); err != nil {
		s.t.Fatal(err)
	}
}

// run starts an example and gives its lines.
func (s *server) run(t *testing.T, args ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], s.http.URL, "example", s.secret)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s", errs.String())
		}
	})
	return lines
}

// next gives the next line that begins with a word.
func next(t *testing.T, lines <-chan string, word string) string {
	t.Helper()
	for line := range lines {
		if strings.HasPrefix(line, word) {
			return line
		}
	}
	t.Fatalf("it ended before it said %q", word)
	return ""
}

func wants(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	word, _, _ := strings.Cut(want, " ")
	if got := next(t, lines, word); got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
}
