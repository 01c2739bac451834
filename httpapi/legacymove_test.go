package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/legacy"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
)

// browser is a cookie jar that several tabs share, and the old token that was
// in it at first.
type browser struct {
	user, key, token string

	mu       sync.Mutex
	old, own string // cookies
	sids     map[string]bool
}

func (b *browser) cookies() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	if b.old != "" {
		all = append(all, oldName+"="+b.old)
	}
	if b.own != "" {
		all = append(all, api.CookieName+"="+b.own)
	}
	return strings.Join(all, "; ")
}

func (b *browser) keep(resp *http.Response, sid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sids[sid] = true
	for _, c := range resp.Cookies() {
		switch {
		case c.Name == oldName && c.MaxAge < 0:
			b.old = ""
		case c.Name == api.CookieName:
			b.own = c.Value
		}
	}
}

// crowd is many browsers that move in, over a network that loses every tenth
// reply.
type crowd struct {
	*server
	client                       *http.Client
	sent, lost, signedOut, moved atomic.Int64
}

// reissue is one tab's: it repeats until an answer comes.
func (c *crowd) reissue(b *browser) error {
	for range 50 {
		r := c.request("POST", "/api/reissue", "", "Cookie: "+b.cookies(), own)
		if b.key != "" {
			r.Header.Set("Idempotency-Key", b.key)
		}
		if c.sent.Add(1)%10 == 0 {
			c.DropNextReply()
		}
		resp, err := c.client.Do(r)
		if err != nil {
			c.lost.Add(1)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			c.lost.Add(1)
			continue
		}
		if resp.StatusCode != http.StatusOK {
			c.signedOut.Add(1)
			return fmt.Errorf("%s: %d %s", b.user, resp.StatusCode, body)
		}
		var t api.TokenResponse
		if err := json.Unmarshal(body, &t); err != nil {
			return err
		}
		b.keep(resp, t.SessionID)
		return nil
	}
	return fmt.Errorf("%s: no answer in 50 tries", b.user)
}

// each runs f for every browser, in so many tabs at once.
func (c *crowd) each(all []*browser, tabs int, f func(*browser) error) {
	var g sync.WaitGroup
	const atOnce = 16
	turn := make(chan struct{}, atOnce)
	for _, b := range all {
		turn <- struct{}{}
		g.Go(func() {
			defer func() { <-turn }()
			var inTabs sync.WaitGroup
			for range tabs {
				inTabs.Go(func() {
					if err := f(b); err != nil {
						c.t.Error(err)
					}
				})
			}
			inTabs.Wait()
		})
	}
	g.Wait()
}

func crowdSize() int {
	switch {
	case os.Getenv("CI") == "true":
		return 3000
	case testing.Short():
		return 100
	}
	return 1000
}

// Sessions of article B's layout, in a real Redis, move in through the real
// HTTP API: none is signed out, and each old token is good once.
func TestACrowdMovesIn(t *testing.T) {
	const tabs = 3
	n := crowdSize()
	redis := legacytest.StartRedis(t)
	c := &crowd{}
	events := withConfig(func(cfg *pawl.Config) {
		cfg.OnEvent = func(_ context.Context, e pawl.Event) {
			if e.Kind == pawl.EventMovedIn && e.Row == 5 {
				c.moved.Add(1)
			}
		}
	})
	c.server = start(t, append(withOld(func(o *legacy.Options) { o.Redis, o.RedisKey = redis.URL, oldPrefix+legacy.UserPart }), events)...)
	c.client = &http.Client{Transport: c.http.Transport.(*http.Transport).Clone()}
	transport := c.client.Transport.(*http.Transport)
	transport.DisableKeepAlives, transport.MaxIdleConnsPerHost = false, 64
	t.Cleanup(transport.CloseIdleConnections)

	all, held := make([]*browser, n), map[string]string{}
	for i := range all {
		u := c.Add(pawl.User{ID: fmt.Sprintf("id-%05d", i), Login: fmt.Sprintf("user%05d", i)})
		b := &browser{user: u.ID, sids: map[string]bool{}}
		if i%2 == 0 {
			b.user = u.Login
		}
		if i%5 == 0 {
			b.key = fmt.Sprintf("0123456789abcdefghijkl-%d", i)
		}
		b.token = c.oldToken(b.user, time.Duration(i)*oldLife/time.Duration(n+1))
		b.old, held[b.user] = b.token, b.token
		all[i] = b
	}
	redis.SetAll(oldPrefix, held, oldLife)
	redis.Do("CONFIG", "RESETSTAT")

	began := time.Now()
	c.each(all, tabs, c.reissue)
	took := time.Since(began)
	for _, b := range all {
		if b.old != "" || b.own == "" || len(b.sids) != 1 {
			t.Errorf("%s: after moving in: old cookie %t, Pawl's %t, %d sessions", b.user, b.old != "", b.own != "", len(b.sids))
		}
	}
	asked := readOnly(t, redis, n)

	c.Advance(2 * pawl.DefaultReuseWindow)
	c.each(all, 1, c.reissue) // they go on with Pawl's tokens
	if got := int(c.moved.Load()); got != n {
		t.Errorf("%d of %d moved in", got, n)
	}
	t.Attr("old-sessions", strconv.Itoa(n))
	t.Attr("tabs-each", strconv.Itoa(tabs))
	t.Attr("reissues", strconv.Itoa((tabs+1)*n))
	t.Attr("replies-lost-and-retried", strconv.FormatInt(c.lost.Load(), 10))
	t.Attr("questions-to-the-old-redis", strconv.Itoa(asked))
	t.Attr("signed-out", strconv.FormatInt(c.signedOut.Load(), 10))
	t.Attr("moved-in-per-second", fmt.Sprintf("%.0f", float64(n)/took.Seconds()))

	// Whoever has kept a copy of an old token ends its session. A quarter of them
	// shows it.
	c.Advance(2 * pawl.DefaultReuseWindow)
	var caught atomic.Int64
	c.each(all[:n/4], 1, func(b *browser) error {
		for _, cookies := range []string{oldName + "=" + b.token, api.CookieName + "=" + b.own} {
			resp, err := c.client.Do(c.request("POST", "/api/reissue", "", "Cookie: "+cookies, own))
			if err != nil {
				return err
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), api.ReasonReused) {
				return fmt.Errorf("%s: a replay: %d %s", b.user, resp.StatusCode, body)
			}
		}
		caught.Add(1)
		return nil
	})
	t.Attr("replays-of-old-tokens-caught", strconv.FormatInt(caught.Load(), 10))
}

// readOnly checks that the old Redis was asked by GET and changed by nothing,
// and says how often it was asked.
func readOnly(t *testing.T, redis *legacytest.Redis, keys int) (asked int) {
	t.Helper()
	for _, m := range regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`).FindAllStringSubmatch(redis.Do("INFO", "commandstats"), -1) {
		switch m[1] {
		case "get":
			asked, _ = strconv.Atoi(m[2])
		case "auth", "config|resetstat", "info", "dbsize", "ping", "select", "hello", "client|setname":
		default:
			t.Errorf("the old Redis got %s", m[1])
		}
	}
	if got := redis.Do("DBSIZE"); got != strconv.Itoa(keys) {
		t.Errorf("the old Redis holds %s keys, not %d", got, keys)
	}
	return asked
}
