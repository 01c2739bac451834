package feedtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

// impostor answers where an issuer should be, with whatever a test wants.
type impostor struct {
	*httptest.Server
	keys     *token.KeySet
	metadata http.HandlerFunc
	jwks     http.HandlerFunc
	feed     http.HandlerFunc
	feeds    atomic.Int64
}

func newImpostor(t *testing.T) *impostor {
	t.Helper()
	k, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{}
	if i.keys, err = token.NewKeySet(k); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) { i.metadata(w, r) })
	mux.HandleFunc("/.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) { i.jwks(w, r) })
	mux.HandleFunc(api.FeedPath, func(w http.ResponseWriter, r *http.Request) {
		i.feeds.Add(1)
		w.Header().Set("Content-Type", "text/event-stream")
		i.feed(w, r)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		i.CloseClientConnections()
		i.Close()
	})
	i.metadata = func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/.well-known/jwks.json")
	}
	i.jwks = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(i.keys.JWKS()) }
	i.feed = script(i.current(time.Now()))
	return i
}

// script is a feed that says this and then nothing.
func script(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// repeat is a feed that says this again and again.
func repeat(w http.ResponseWriter, r *http.Request, text string) {
	for {
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (i *impostor) current(now time.Time) string {
	b, _ := json.Marshal(api.FeedNow{Time: now, KeepSeconds: 1860})
	return fmt.Sprintf("event: current\nid: c\ndata: %s\n\n", b)
}

func (i *impostor) follow(ctx context.Context, t *testing.T) (*guard.RemoteIssuer, error) {
	t.Helper()
	r, err := guard.Remote(ctx, guard.RemoteOptions{
		Issuer: i.URL, ClientID: "x", Secret: "y", Stale: guard.FailClosed, StaleAfter: 3 * time.Second, Log: quiet,
	})
	if err == nil {
		t.Cleanup(r.Close)
	}
	return r, err
}

// What an issuer must not say is not believed.
func TestAnIssuerThatIsNone(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name   string
		change func(*impostor)
		says   string
	}{
		{"metadata that redirect", func(i *impostor) {
			i.metadata = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example/", http.StatusFound)
			}
		}, "not followed"},
		{"a feed that redirects", func(i *impostor) {
			i.feed = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
			}
		}, "not followed"},
		{"metadata that name another issuer", func(i *impostor) {
			i.metadata = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"issuer":"` + i.URL + `/"}`)) }
		}, "exactly that"},
		{"metadata with keys elsewhere", func(i *impostor) {
			i.metadata = func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"https://evil.example/jwks.json"}`, i.URL)
			}
		}, "evil.example"},
		{"metadata without end", func(i *impostor) {
			i.metadata = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(huge)) }
		}, "more than 65536 bytes"},
		{"keys without end", func(i *impostor) {
			i.jwks = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(huge)) }
		}, "more than 262144 bytes"},
		{"a page where the feed should be", func(i *impostor) {
			i.feed = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte("hello"))
			}
		}, "is not a feed"},
		{"a line without end", func(i *impostor) { i.feed = script("data: " + huge) }, "too long"},
		{"an event without end", func(i *impostor) { i.feed = script(strings.Repeat("data: "+huge[:60_000]+"\n", 3)) }, "more than 65536 bytes"},
		{"an entry without its time", func(i *impostor) {
			i.feed = script("event: revoked\ndata: {\"kind\":\"session\",\"id\":\"s\",\"reason\":\"r\"}\n\n")
		}, "not understood"},
		{"an entry of a user without its mark", func(i *impostor) {
			i.feed = script("event: revoked\ndata: {\"kind\":\"user\",\"id\":\"u\",\"reason\":\"r\",\"at\":\"2026-01-02T09:00:00Z\"}\n\n")
		}, "not understood"},
		{"a heartbeat without its time", func(i *impostor) { i.feed = script("event: current\ndata: {\"keepSeconds\":1}\n\n") }, "not understood"},
		{"a heartbeat that keeps nothing", func(i *impostor) {
			i.feed = script("event: current\ndata: {\"time\":\"2026-01-02T09:00:00Z\",\"keepSeconds\":-5}\n\n")
		}, "not understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := newImpostor(t)
			c.change(i)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if _, err := i.follow(ctx, t); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

// A feed that is replayed, or told twice, in any order, ends what it ends and
// nothing else; and what a later version adds is passed over.
func TestAReplayedFeed(t *testing.T) {
	t.Parallel()
	i := newImpostor(t)
	at := time.Now().UTC().Truncate(time.Second)
	entry := func(kind, id string, notBefore time.Time) string {
		b, _ := json.Marshal(api.FeedEntry{Kind: kind, ID: id, Reason: "signed_out", NotBefore: &notBefore, At: at})
		return "event: revoked\nid: x\ndata: " + string(b) + "\n\n"
	}
	newer, older := entry("user", "ann", at), entry("user", "ann", at.Add(-time.Hour))
	i.feed = script(": a comment\r\nretry: 5\r\n\r\n" + newer + older + newer + older +
		strings.ReplaceAll(entry("session", "s1", at), "\n", "\r\n") + "event: reset\ndata: {}\n\n" + older +
		"event: from-a-later-version\ndata: {}\n\nnonsense\n\nevent: revoked\ndata: {\"kind\":\"later\",\"id\":\"x\",\"notBefore\":\"2026-01-02T09:00:00Z\",\"at\":\"2026-01-02T09:00:00Z\",\n" +
		"data: \"more\":1}\n\n" + i.current(time.Now()))
	r, err := i.follow(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sub, sid string
		auth     time.Time
		want     bool
	}{
		{"ann", "s2", at, true},
		{"ann", "s2", at.Add(time.Second), false},
		{"bob", "s1", at.Add(time.Second), true},
		{"bob", "s2", at, false},
		{"x", "x", at, false},
	} {
		if _, got := r.Revoked().Covers(&token.Access{Subject: c.sub, SessionID: c.sid, AuthTime: c.auth}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Somebody in between who passes heartbeats on late, but at the right pace,
// does not make the picture look fresh.
func TestHeartbeatsThatAreKeptBack(t *testing.T) {
	t.Parallel()
	i := newImpostor(t)
	i.feed = func(w http.ResponseWriter, r *http.Request) {
		repeat(w, r, i.current(time.Now())) // each is later than the one before by as much as time has passed
	}
	r, err := i.follow(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the picture ages", func() bool { return r.Stats().Age > time.Second })
	eventually(t, "the connection is given up, and it says why", func() bool {
		return strings.Contains(strings.Join(r.Stats().Trouble, ""), "come late")
	})
	eventually(t, "another is tried", func() bool { return i.feeds.Load() > 1 })
}

// Without heartbeats the picture ages, whatever else comes.
func TestWithheldHeartbeats(t *testing.T) {
	t.Parallel()
	i := newImpostor(t)
	i.feed = func(w http.ResponseWriter, r *http.Request) {
		if i.feeds.Load() == 1 {
			_, _ = w.Write([]byte(i.current(time.Now())))
		}
		repeat(w, r, ": still here\n\nevent: keys\ndata: {\"kids\":[\""+i.keys.Keys()[0].ID()+"\"]}\n\n")
	}
	r, err := i.follow(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Fresh(time.Now()); err != nil {
		t.Errorf("at first: %v", err)
	}
	eventually(t, "refused", func() bool { return r.Fresh(time.Now()) != nil })
	eventually(t, "another connection is tried", func() bool { return i.feeds.Load() > 1 })
	if got := call(r.Health(), ""); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), `"status":"refusing"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// A fetch of the keys that hangs holds up no check: a token of an unknown key is
// answered while it hangs.
func TestAFetchThatHangsHoldsUpNoCheck(t *testing.T) {
	t.Parallel()
	i := newImpostor(t)
	fetching, hangs := make(chan struct{}, 10), make(chan struct{})
	i.feed = script(i.current(time.Now()) + "event: keys\ndata: {\"kids\":[\"" + i.keys.Keys()[0].ID() + "\",\"another\"]}\n\n")
	var first atomic.Bool
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "jwks.json") && first.Swap(true) {
			fetching <- struct{}{}
			<-hangs // whatever its context says
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	r, err := guard.Remote(t.Context(), guard.RemoteOptions{
		Issuer: i.URL, ClientID: "x", Secret: "y", Stale: guard.GoOn, Transport: transport, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	defer close(hangs)
	<-fetching // the key that the feed has named
	if err := r.Unknown(time.Now()); !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// slept is now as a machine sees it that has slept for d: its clock has gone on,
// what Go measures time by has not.
func slept(t *testing.T, now time.Time, d time.Duration) time.Time {
	t.Helper()
	later := now
	*(*uint64)(unsafe.Pointer(&later)) += uint64(d/time.Second) << 30 // the clock's seconds, in time.Time's first word
	if later.Sub(now) != 0 || later.Round(0).Sub(now.Round(0)) != d {
		t.Fatal("time.Time is not laid out any more as this test supposes")
	}
	return later
}

// A machine that was asleep for an hour has heard nothing for an hour, though
// its connection seems to be there and no time to have passed.
func TestAMachineThatSlept(t *testing.T) {
	t.Parallel()
	r, err := newImpostor(t).follow(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := r.Fresh(now); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := r.Fresh(slept(t, now, time.Hour)); !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("after an hour of sleep: %v", err)
	}
}
