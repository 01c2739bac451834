package crashtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
)

var kills = flag.Int("kills", 20, "how often the server is killed with -9; three times as often with CI=true")

// window is the server's reuse_window in this run.
const window = 200 * time.Millisecond

// tally is what the run is judged by.
type tally struct {
	changed, same                atomic.Int64 // reissues that answered a newer refresh token, and the same
	lost                         atomic.Int64 // requests without an answer
	falseSignOuts                atomic.Int64
	reuseTried, reuseAccepted    atomic.Int64
	ended, revivalTried, revived atomic.Int64
}

// TestKilledUnderLoad: whatever the moment of death, a client that keeps its
// Idempotency-Key is never signed out, a used token is never accepted, and what
// was ended stays ended.
func TestKilledUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("the crash run takes 20 s: left to the full run")
	}
	n := *kills
	if os.Getenv("CI") == "true" {
		n *= 3
	}
	srv := newServer(t)
	const login, password = "crash", "kill minus nine, twenty times"
	srv.start()
	srv.addUser(login, password)

	ctx, stop := context.WithCancel(context.Background())
	var sum tally
	var clients sync.WaitGroup
	var signedIn sync.WaitGroup // sign-ins compete for the processors; no need to kill them too
	for range 48 {
		signedIn.Add(1)
		clients.Go(func() {
			j := newJar(t, srv, login, password)
			signedIn.Done()
			j.chain(ctx, &sum)
		})
	}
	signedIn.Wait()
	for range 3 {
		clients.Go(func() { robbed(ctx, t, srv, login, password, &sum) })
		clients.Go(func() { leaver(ctx, t, srv, login, password, &sum) })
	}
	for range n {
		time.Sleep(300*time.Millisecond + mathrand.N(500*time.Millisecond))
		srv.kill()
		srv.start()
	}
	time.Sleep(2 * window)
	stop()
	clients.Wait()
	srv.kill()
	report(t, srv, &sum, n)
}

func report(t *testing.T, srv *server, sum *tally, n int) {
	names := make([]string, 0, len(srv.rows))
	for name := range srv.rows {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.Attr(name, strconv.Itoa(srv.rows[name]))
	}
	changed, same := sum.changed.Load(), sum.same.Load()
	t.Attr("killed", fmt.Sprintf("%d times; reissues %d with a newer token, %d with the same; %d requests lost", n, changed, same, sum.lost.Load()))
	t.Attr("found", fmt.Sprintf("%d false sign-outs; reuse tried %d times, accepted %d; %d sessions ended, revivals tried %d, revived %d",
		sum.falseSignOuts.Load(), sum.reuseTried.Load(), sum.reuseAccepted.Load(), sum.ended.Load(), sum.revivalTried.Load(), sum.revived.Load()))

	advances := srv.rows["row-5-reissue"]
	total := advances + srv.rows["row-4-reissue"] + srv.rows["row-6-reissue"]
	if total == 0 || 2*advances < total {
		t.Errorf("%d of %d reissues were advances: at least half must be, or the run proves little", advances, total)
	}
	for what, n := range map[string]int64{
		"false sign-outs": sum.falseSignOuts.Load(), "accepted reuse": sum.reuseAccepted.Load(), "revived sessions": sum.revived.Load(),
	} {
		if n != 0 {
			t.Errorf("%d %s\n%s", n, what, srv.lastLog())
		}
	}
	for what, n := range map[string]int64{
		"lost requests": sum.lost.Load(), "reuse tried": sum.reuseTried.Load(), "revivals tried": sum.revivalTried.Load(),
	} {
		if n == 0 {
			t.Errorf("no %s: the run proves nothing about that", what)
		}
	}
}

// jar is a client's cookie jar: the refresh token and the pending key survive
// whatever happens to the server.
type jar struct {
	srv     *server
	http    *http.Client
	refresh string
	key     string // pending Idempotency-Key
}

func newJar(t *testing.T, srv *server, login, password string) *jar {
	j := &jar{srv: srv, http: &http.Client{Timeout: 5 * time.Second}}
	for deadline := time.Now().Add(2 * time.Minute); ; {
		status, tokens, _ := j.post("/api/login", api.LoginRequest{UserID: login, Password: password, Delivery: api.DeliveryBody})
		if status == http.StatusOK {
			j.refresh = tokens.RefreshToken
			return j
		}
		if time.Now().After(deadline) {
			t.Errorf("cannot sign in: status %d", status)
			return j
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// post gives status 0 where no answer came.
func (j *jar) post(path string, body any) (status int, tokens api.TokenResponse, problem *api.Error) {
	encoded, _ := json.Marshal(body)
	r, _ := http.NewRequest(http.MethodPost, j.srv.url+path, bytes.NewReader(encoded))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	if j.key != "" {
		r.Header.Set("Idempotency-Key", j.key)
	}
	resp, err := j.http.Do(r)
	if err != nil {
		return 0, tokens, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, tokens, nil
	}
	if resp.StatusCode >= 400 {
		return resp.StatusCode, tokens, api.ReadProblem(resp.StatusCode, resp.Header, answer)
	}
	if len(answer) > 0 && json.Unmarshal(answer, &tokens) != nil {
		return 0, tokens, nil
	}
	return resp.StatusCode, tokens, nil
}

// insist repeats a request until the server has answered it, then says how.
func (j *jar) insist(sum *tally, path string, body any) (int, api.TokenResponse, *api.Error) {
	for {
		status, tokens, problem := j.post(path, body)
		if status != 0 && status < 500 {
			return status, tokens, problem
		}
		sum.lost.Add(1)
		time.Sleep(3 * time.Millisecond)
	}
}

// reissue keeps its key until it has succeeded, as DESIGN asks of clients.
func (j *jar) reissue(sum *tally) bool {
	j.key = rand.Text()
	status, tokens, problem := j.insist(sum, "/api/reissue", api.ReissueBody{RefreshToken: j.refresh})
	j.key = ""
	if status != http.StatusOK {
		sum.falseSignOuts.Add(1)
		fmt.Fprintf(os.Stderr, "signed out: %v\n", problem)
		return false
	}
	if tokens.RefreshToken == j.refresh {
		sum.same.Add(1)
	} else {
		sum.changed.Add(1)
	}
	j.refresh = tokens.RefreshToken
	return true
}

// chain reissues until told to stop, mostly beyond the window.
func (j *jar) chain(ctx context.Context, sum *tally) {
	for ctx.Err() == nil && j.refresh != "" && j.reissue(sum) {
		pause := window + mathrand.N(100*time.Millisecond)
		if mathrand.N(4) == 0 {
			pause = mathrand.N(window)
		}
		time.Sleep(pause)
	}
}

// robbed chains a few reissues, then a thief without the key presents an older
// token: refused, and the session is over for both.
func robbed(ctx context.Context, t *testing.T, srv *server, login, password string, sum *tally) {
	for ctx.Err() == nil {
		owner := newJar(t, srv, login, password)
		used := []string{owner.refresh}
		for len(used) < 3 {
			time.Sleep(window + 20*time.Millisecond)
			if !owner.reissue(sum) {
				return
			}
			if owner.refresh != used[len(used)-1] {
				used = append(used, owner.refresh)
			}
		}
		time.Sleep(window + 20*time.Millisecond)
		thief := &jar{srv: srv, http: owner.http, refresh: used[mathrand.N(len(used)-1)]}
		sum.reuseTried.Add(1)
		if status, _, problem := thief.insist(sum, "/api/reissue", api.ReissueBody{RefreshToken: thief.refresh}); status == http.StatusOK {
			sum.reuseAccepted.Add(1)
		} else if problem.Reason != api.ReasonReused {
			t.Errorf("the thief is told %v, want reason reused", problem)
		}
		stillOver(t, owner, api.ReasonReused, sum)
	}
}

// leaver signs in and out; no token of an ended session works again.
func leaver(ctx context.Context, t *testing.T, srv *server, login, password string, sum *tally) {
	var gone []*jar
	for ctx.Err() == nil {
		j := newJar(t, srv, login, password)
		if status, _, problem := j.insist(sum, "/api/logout", api.ReissueBody{RefreshToken: j.refresh}); status != http.StatusNoContent {
			t.Errorf("sign-out answered %d %v", status, problem)
			continue
		}
		sum.ended.Add(1)
		gone = append(gone, j)
		stillOver(t, gone[mathrand.N(len(gone))], api.ReasonSignedOut, sum)
		time.Sleep(mathrand.N(50 * time.Millisecond))
	}
	for _, j := range gone {
		stillOver(t, j, api.ReasonSignedOut, sum)
	}
}

func stillOver(t *testing.T, j *jar, reason string, sum *tally) {
	sum.revivalTried.Add(1)
	status, _, problem := j.insist(sum, "/api/reissue", api.ReissueBody{RefreshToken: j.refresh})
	if status == http.StatusOK {
		sum.revived.Add(1)
	} else if !strings.EqualFold(problem.Reason, reason) {
		t.Errorf("an ended session is told %v, want reason %s", problem, reason)
	}
}
