package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Places in the feed, as a table: what a client holds, and what that means to it and
// to another one.
func TestPlacesInTheFeed(t *testing.T) {
	for _, test := range []struct {
		name           string
		one, others    int // places that are held, by the client and by others, in hundreds
		ok             bool
		displaced, all int
	}{
		{"the first", 0, 0, true, 0, 1},
		{"below its share", 4, 0, true, 0, 401},
		{"at its share: its oldest makes way", 5, 0, true, 1, 500},
		{"at its share, and the node is full", 5, 45, true, 1, 5000},
		{"below its share, and the node is full", 0, 50, false, 0, 5000},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			gone := []int{}
			follow := func(client string, i int) bool {
				_, ok := s.Service.Follow(client, "192.0.2.1", func() { gone = append(gone, i) })
				return ok
			}
			for i := range test.one * 100 {
				follow("one", i)
			}
			for i := range test.others * 100 {
				follow("other-"+string(rune('a'+i/500)), -1)
			}
			if ok := follow("one", -1); ok != test.ok {
				t.Errorf("a place: %v, want %v", ok, test.ok)
			}
			if len(gone) != test.displaced || len(gone) == 1 && gone[0] != 0 {
				t.Errorf("%v made way", gone)
			}
			if n := s.Service.FollowerCount(); n != test.all || len(s.Service.Followers()) != n {
				t.Errorf("%d follow, want %d", n, test.all)
			}
			if n := s.Service.FollowersDisplaced(); int(n) != test.displaced {
				t.Errorf("%d counted", n)
			}
		})
	}
}

// One client that takes all the places it can get leaves the guards of others theirs,
// and its own oldest connection is told to come back.
func TestOneClientLeavesOthersTheirPlaces(t *testing.T) {
	s := startStaffed(t)
	_, secret, err := s.Service.AddClient(t.Context(), "hoarder", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	own := s.clients["feed"]
	s.clients["feed"] = basic("hoarder", secret)
	first := s.listen("")
	first.all()
	for range pawl.MaxFollowersPerClient - 1 {
		s.Service.Follow("hoarder", "", func() {})
	}
	last := s.listen("")
	last.all()
	first.ends()
	s.clients["feed"] = own
	guard := s.listen("")
	guard.all()
	if n := s.Service.FollowerCount(); n != pawl.MaxFollowersPerClient+1 {
		t.Errorf("%d follow", n)
	}
	seen, next := map[string]int{}, ""
	for i := 0; i == 0 || next != ""; i++ {
		page := read[api.FollowerList](s.send("GET", "/admin/api/feed?limit=200&after="+next, "", s.root).is(200, ""))
		for _, f := range page.Followers {
			seen[f.ClientID]++
		}
		next = page.Next
	}
	if seen["hoarder"] != pawl.MaxFollowersPerClient || seen["only-feed"] != 1 {
		t.Errorf("listed: %v", seen)
	}
}

// SECURITY 54: a program's own http.Server without a limit of the write does not keep
// an answer that is not read for ever.
func TestAnAnswerThatIsNotReadIsGivenUp(t *testing.T) {
	s := startStaffed(t)
	set := make(chan time.Time, 10)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler(nil).ServeHTTP(&deadlines{w, set}, r)
	})
	for _, test := range []struct {
		name  string
		limit time.Duration
		want  bool
	}{{"none", 0, true}, {"its own", time.Minute, false}, {"none, on purpose", -1, false}} {
		srv := httptest.NewUnstartedServer(h)
		srv.Config.WriteTimeout = test.limit
		srv.Start()
		r, err := srv.Client().Get(srv.URL + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		srv.Close()
		select {
		case at := <-set:
			if left := time.Until(at); !test.want || left < 20*time.Second || left > time.Minute {
				t.Errorf("%s: set, %v from now", test.name, left)
			}
		default:
			if test.want {
				t.Errorf("%s: not set", test.name)
			}
		}
	}
}

// deadlines notes the deadlines that are set.
type deadlines struct {
	http.ResponseWriter
	set chan time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set <- at
	return http.NewResponseController(d.ResponseWriter).SetWriteDeadline(at)
}

// A page of users ends early where their claims are large, and goes on behind it.
func TestAPageOfUsersIsBoundedByItsBytes(t *testing.T) {
	s := startStaffed(t)
	for i := range 60 {
		name := "u" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		s.Add(pawl.User{ID: "id-" + name, Login: name, Claims: map[string]any{"about": strings.Repeat("x", 4000)}})
	}
	seen, pages, next := 0, 0, ""
	for more := true; more; pages++ {
		a := s.send("GET", "/admin/api/users?limit=200&after="+next, "", s.root).is(200, "")
		page := read[api.UserPage](a)
		if len(a.body) > 140<<10 || len(page.Users) == 0 {
			t.Errorf("a page of %d users in %d bytes", len(page.Users), len(a.body))
		}
		seen, next, more = seen+len(page.Users), page.Next, page.More
	}
	if seen != 61 || pages < 2 {
		t.Errorf("%d users on %d pages", seen, pages)
	}
}

// The first page has the shape that it had, for clients that know no other.
func TestListsHaveTheirFirstPage(t *testing.T) {
	s := startStaffed(t, withConfig(func(c *pawl.Config) { c.SessionsPerUser = -1 }))
	_, tok := s.anna()
	me := bearer(tok.AccessToken)
	for range 150 {
		s.SignIn("id-anna")
	}
	first := read[api.SessionList](s.send("GET", "/api/sessions", "", me).is(200, ""))
	rest := read[api.SessionList](s.send("GET", "/api/sessions?after="+first.Next, "", me).is(200, ""))
	if len(first.Sessions) != 100 || len(rest.Sessions) != 51 || rest.Next != "" {
		t.Errorf("%d, %d, next %q", len(first.Sessions), len(rest.Sessions), rest.Next)
	}
	page := read[api.SessionPage](s.send("GET", "/admin/api/users/id-anna/sessions", "", s.root).is(200, ""))
	found := read[api.SessionPage](s.send("GET", "/admin/api/sessions?user=id-anna&limit=200", "", s.root).is(200, ""))
	if len(page.Sessions) != 100 || !page.More || page.Next == "" || len(found.Sessions) != 151 || found.More {
		t.Errorf("%d, %v, %q; found %d, %v", len(page.Sessions), page.More, page.Next, len(found.Sessions), found.More)
	}
	clients := read[api.ClientList](s.send("GET", "/admin/api/clients?limit=2", "", s.root).is(200, ""))
	more := read[api.ClientList](s.send("GET", "/admin/api/clients?limit=2&after="+clients.Next, "", s.root).is(200, ""))
	if len(clients.Clients) != 2 || len(more.Clients) != 1 || more.Next != "" {
		t.Errorf("%v, %v", clients, more)
	}
	s.send("GET", "/api/sessions?limit=201", "", me).is(400, "invalid_request").says("1 to 200")
	s.send("GET", "/api/sessions?after=x", "", me).is(400, "invalid_request").says("Begin without one")
	if a := s.send("DELETE", "/api/sessions", "", me).is(200, ""); a.body != `{"ended":150}`+"\n" {
		t.Error(a.body)
	}
}
