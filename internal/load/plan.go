package load

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kind is what the clients do.
type Kind string

// The kinds of load.
const (
	Advance Kind = "advance" // reissue, row 5: a new refresh token and a durable write each
	Resend  Kind = "resend"  // reissue within the reuse window, row 4: the same refresh token, no write
	Check   Kind = "check"   // GET /api/session with the access token
	Verify  Kind = "verify"  // GET /api/verify with the access token
	SignIn  Kind = "signin"  // POST /api/login: a password hash each
	Mixed   Kind = "mixed"   // a working day of each client, over and over
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Advance, Resend, Check, Verify, SignIn, Mixed} }

func (k Kind) title() string {
	switch k {
	case Advance:
		return "advance (row 5)"
	case Resend:
		return "re-send (row 4)"
	}
	return string(k)
}

// Bounds of a plan.
const (
	MaxClients = 10_000
	maxRuns    = 1_000
)

// Plan is what to measure: each kind with each number of clients is a row.
type Plan struct {
	Kinds    []Kind
	Clients  []int
	Length   time.Duration // of a run; a warm-up of a quarter goes before the first
	Runs     int           // counted ones, of a row
	Timeout  time.Duration // for one request; 0: 10 s
	Sessions int           // live sessions beside the clients'; of an own server only
	Version  string        // of this program, for the report
}

// Check says what is wrong with the plan, and fills in what it leaves open.
func (p *Plan) Check() error {
	if p.Timeout == 0 {
		p.Timeout = 10 * time.Second
	}
	for _, k := range p.Kinds {
		if !slices.Contains(Kinds(), k) {
			return fmt.Errorf("there is no kind of load %q; the kinds are %v", k, Kinds())
		}
	}
	for _, n := range p.Clients {
		if n < 1 || n > MaxClients {
			return fmt.Errorf("%d clients: choose 1 to %d", n, MaxClients)
		}
	}
	switch {
	case len(p.Kinds) == 0 || len(p.Clients) == 0:
		return errors.New("there is nothing to measure: name a kind and a number of clients")
	case p.Length <= 0 || p.Length > 24*time.Hour:
		return errors.New("a run must last more than 0 seconds, and a day at most")
	case p.Runs < 1 || p.Runs > maxRuns:
		return fmt.Errorf("%d runs: choose 1 to %d", p.Runs, maxRuns)
	case p.Timeout < 0:
		return errors.New("the time-out must be more than 0")
	case p.Sessions < 0 || p.Sessions > 100_000_000:
		return errors.New("the number of other sessions must be between 0 and 100 million")
	}
	return nil
}

// Person is somebody who can sign in.
type Person struct{ Login, Password string }
