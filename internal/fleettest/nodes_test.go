package fleettest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

// TestNodes is run on each pair of stores.
func TestNodes(t *testing.T) {
	db := servertest.StartPostgres(t, servertest.PostgresOptions{})
	redis := servertest.StartRedis(t)
	for _, where := range []struct {
		name  string
		redis *servertest.Redis
	}{{"PostgreSQL", nil}, {"PostgreSQL and Redis", redis}} {
		t.Run(where.name, func(t *testing.T) {
			for _, test := range []struct {
				name string
				run  func(*testing.T, *house)
			}{
				{"several start at once on an empty database", startAtOnce},
				{"any node serves any request", anyNodeServes},
				{"an end is felt on every node", endsAreFelt},
				{"failures count wherever they happen", failuresCount},
				{"where a limit is used up, accounts are not told apart, and known ones get in", limitsTellNothing},
				{"a node is killed", aNodeIsKilled},
				{"clocks are ten seconds apart", clocksApart},
			} {
				t.Run(test.name, func(t *testing.T) { test.run(t, newHouse(t, db, where.redis)) })
			}
		})
	}
}

// Three servers start at once on an empty database: they agree on the keys, and
// of the codes that they print one makes the first administrator.
func startAtOnce(t *testing.T, h *house) {
	nodes := h.start(3)
	sets := map[string]bool{}
	for _, n := range nodes {
		var set any
		if _, problem := n.call(http.MethodGet, "/.well-known/jwks.json", "", nil, &set); problem != "" {
			t.Fatal(problem)
		}
		sets[fmt.Sprint(set)] = true
	}
	if keys := strings.Count(h.pawl("", "key", "list"), "signs"); len(sets) != 1 || keys != 2 {
		t.Errorf("%d sets of keys, %d keys sign", len(sets), keys)
	}
	good := 0
	for i, n := range nodes {
		var code []string
		await(t, "the node prints a code", func() bool {
			code = regexp.MustCompile(`"code":"([^"]+)"`).FindStringSubmatch(n.Said())
			return code != nil
		})
		setup := api.SetupRequest{Code: code[1], UserID: "boss", Password: password}
		if status, _ := nodes[(i+1)%3].call(http.MethodPost, "/api/setup", "", setup, nil); status < 300 {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of the codes were good, want one", good)
	}
	nodes[2].signIn("boss")
}

// Whatever one node did, any other carries on.
func anyNodeServes(t *testing.T, h *house) {
	nodes := h.start(3)
	h.pawl(password+"\n", "user", "add", "ann", "--password-stdin")
	tok := nodes[0].signIn("ann")
	for i := range 12 {
		n := nodes[(i+1)%3]
		next, problem := n.reissue(tok.RefreshToken)
		if problem != "" {
			t.Fatalf("reissue %d: %s", i, problem)
		}
		if status, problem := nodes[(i+2)%3].check(next.AccessToken); status != http.StatusOK {
			t.Fatalf("access token %d: %s", i, problem)
		}
		tok = next
		time.Sleep(70 * time.Millisecond) // so that some advance and some are within the window
	}
	other := nodes[1].signIn("ann")
	var list api.SessionList
	if _, problem := nodes[2].call(http.MethodGet, "/api/sessions", tok.AccessToken, nil, &list); problem != "" || len(list.Sessions) != 2 {
		t.Fatalf("%d sessions, %s", len(list.Sessions), problem)
	}
	if status, problem := nodes[2].call(http.MethodDelete, "/api/sessions/"+other.SessionID, tok.AccessToken, nil, nil); status >= 300 {
		t.Fatal(problem)
	}
	if _, problem := nodes[0].reissue(other.RefreshToken); !strings.Contains(problem, api.ReasonSignedOutElsewhere) {
		t.Errorf("the session that another node ended: %s", problem)
	}
	if out := h.pawl("", "session", "list", "--user", "ann"); strings.Count(out, tok.SessionID) != 1 || strings.Contains(out, other.SessionID) {
		t.Errorf("the command lists\n%s", out)
	}
	h.pawl("", "session", "end", "--user", "ann")
	if _, problem := nodes[1].reissue(tok.RefreshToken); !strings.Contains(problem, api.ReasonEndedByAdmin) {
		t.Errorf("the session that a command ended: %s", problem)
	}
	if out := h.pawl("", "audit", "list"); !strings.Contains(out, "sign_in") || !strings.Contains(out, "session_ended") {
		t.Errorf("the audit log holds\n%s", out)
	}
}

// SECURITY 26: what one node ends, the guards of the others refuse; how long
// that takes is measured.
func endsAreFelt(t *testing.T, h *house) {
	h.settings = append(h.settings, "--sign-ins-per-account", "0") // each round is one
	nodes := h.start(2)
	h.pawl(password+"\n", "user", "add", "ann", "--password-stdin")
	rounds := 30
	if long() {
		rounds = 300
	}
	var took []time.Duration
	for i := range rounds {
		tok := nodes[i%2].signIn("ann")
		if status, problem := nodes[1-i%2].check(tok.AccessToken); status != http.StatusOK {
			t.Fatal(problem)
		}
		if status, problem := nodes[i%2].call(http.MethodPost, "/api/logout", tok.AccessToken, nil, nil); status >= 300 {
			t.Fatal(problem)
		}
		answered := time.Now()
		await(t, "the other node refuses it", func() bool {
			status, _ := nodes[1-i%2].check(tok.AccessToken)
			return status == http.StatusUnauthorized
		})
		took = append(took, time.Since(answered))
		if _, problem := nodes[1-i%2].reissue(tok.RefreshToken); !strings.Contains(problem, api.ReasonSignedOut) {
			t.Errorf("reissue at the other node: %q", problem)
		}
	}
	slices.Sort(took)
	t.Attr("delay", fmt.Sprintf("median %v, p99 %v, longest %v of %d, from the answer on, polled every 2 ms",
		took[len(took)/2].Round(10*time.Microsecond), took[len(took)*99/100].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond), rounds))
}

// SECURITY 42: failures count wherever they happen.
func failuresCount(t *testing.T, h *house) {
	h.settings = []string{"--sign-in-failures-per-account", "4"}
	nodes := h.start(2)
	h.pawl(password+"\n", "user", "add", "ann", "--password-stdin")
	wrong := api.LoginRequest{UserID: "ann", Password: "six purple herons", Delivery: api.DeliveryBody}
	var got []int
	for i := range 6 {
		status, _ := nodes[i%2].call(http.MethodPost, "/api/login", "", wrong, nil)
		got = append(got, status)
	}
	if want := []int{401, 401, 401, 401, 429, 429}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// SECURITY 41, 42: what is known is known at every node, and where an address has
// failed too often, that shows to the owner of the password only.
func limitsTellNothing(t *testing.T, h *house) {
	h.settings = []string{"--sign-in-failures-per-address", "4"}
	nodes := h.start(2)
	for _, login := range []string{"ann", "bob"} {
		h.pawl(password+"\n", "user", "add", login, "--password-stdin")
	}
	nodes[0].signIn("ann")
	for i, try := range []struct {
		login, password string
		want            int
	}{
		{"carol", password, 401},
		{"dan", password, 401},
		{"erin", password, 401},
		{"frank", password, 401},
		{"carol", password, 429},
		{"bob", "six purple herons", 429},
		{"bob", password, 429}, // was never used from here
		{"ann", "six purple herons", 429},
		{"ann", password, 200},
	} {
		in := api.LoginRequest{UserID: try.login, Password: try.password, Delivery: api.DeliveryBody}
		if status, _ := nodes[(i+1)%2].call(http.MethodPost, "/api/login", "", in, nil); status != try.want {
			t.Errorf("%s with %q: %d, want %d", try.login, try.password, status, try.want)
		}
	}
}

// A node that ends in the middle of everything is not missed.
func aNodeIsKilled(t *testing.T, h *house) {
	nodes := h.start(2)
	h.pawl(password+"\n", "user", "add", "ann", "--password-stdin")
	tok := nodes[0].signIn("ann")
	nodes[0].Kill()
	time.Sleep(250 * time.Millisecond) // past the reuse window
	next, problem := nodes[1].reissue(tok.RefreshToken)
	if problem != "" || next.RefreshToken == tok.RefreshToken {
		t.Fatalf("the other node: %q", problem)
	}
	anew := h.start(1)[0]
	if status, problem := anew.check(next.AccessToken); status != http.StatusOK {
		t.Error("a node that came later:", problem)
	}
}
