package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Concurrent reissues, logouts and bans of one session answer as if they had
// come one after the other, each at some moment between its call and its
// answer. The clock stands: a window that has opened stays open.
func TestSessionIsLinearizable(t *testing.T) {
	for _, mode := range []struct {
		name   string
		window bool
	}{
		{"with a reuse window", true},
		{"without one", false}, // every reissue advances, or is a proven retry, or ends the session
	} {
		t.Run(mode.name, func(t *testing.T) {
			eachRotStore(t, func(t *testing.T, store rotStore) {
				histories := rotScale(500, 5000)
				if _, durable := store.(interface{ Close() error }); durable {
					histories = rotScale(100, 1000)
				}
				clock, users := newRotClock(), newRotUsers()
				svc := newRotService(t, store, clock, users, func(c *pawl.Config) { c.UnsafeNoReuseWindow = !mode.window })
				for i := range histories {
					user := fmt.Sprintf("user %d", i)
					users.add(user)
					h := newLinHistory(t, svc, store, clock, user, uint64(i))
					if !porcupine.CheckOperations(linSpec(mode.window), h.run(t)) {
						t.Fatalf("history %d has no order that explains its answers:\n%s", i, h)
					}
				}
			})
		})
	}
}

type linInput struct {
	kind       string // "reissue", "logout", "ban", "peek"
	generation uint64 // presented
	key        int    // 0: none
}

type linOutput struct {
	generation uint64 // of the refresh token answered, or of the record seen
	refused    string // the reason
}

type linState struct {
	generation uint64
	open       bool // the reuse window
	key        int  // of the last advance
	ended      string
}

// linSpec is a session as one request after the other would see it.
func linSpec(window bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return linState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in := state.(linState), input.(linInput)
			next, want := s.step(in, window)
			return output.(linOutput) == want, next
		},
	}
}

func (s linState) step(in linInput, window bool) (linState, linOutput) {
	switch in.kind {
	case "logout":
		return s.end(api.ReasonSignedOut), linOutput{}
	case "ban":
		return s.end(api.ReasonEndedByAdmin), linOutput{}
	case "peek":
		return s, linOutput{s.generation, s.ended}
	}
	switch {
	case s.ended != "":
		return s, linOutput{refused: s.ended}
	case in.generation == s.generation && s.open:
		return s, linOutput{generation: s.generation}
	case in.generation == s.generation:
		s.generation, s.open, s.key = s.generation+1, window, in.key
		return s, linOutput{generation: s.generation}
	case in.generation+1 == s.generation && (s.open || in.key != 0 && in.key == s.key):
		return s, linOutput{generation: s.generation}
	}
	return s.end(api.ReasonReused), linOutput{refused: api.ReasonReused}
}

// end keeps the first reason.
func (s linState) end(reason string) linState {
	if s.ended == "" {
		s.ended = reason
	}
	return s
}

// linHistory is one session and what several clients do to it at once.
type linHistory struct {
	svc     *pawl.Service
	store   rotStore
	session pawl.SessionKey
	seed    uint64
	began   time.Time

	mu     sync.Mutex
	tokens []string // every refresh token that was given, latest last
	ops    []porcupine.Operation
}

func newLinHistory(t *testing.T, svc *pawl.Service, store rotStore, clock *rotClock, user string, seed uint64) *linHistory {
	t.Helper()
	got, err := svc.Start(t.Context(), user, pawl.Client{})
	if err != nil {
		t.Fatal(err)
	}
	clock.step(2 * time.Minute) // the first generation's window is closed
	return &linHistory{
		svc: svc, store: store, session: pawl.SessionKey{User: user, ID: got.SessionID},
		seed: seed, began: time.Now(), tokens: []string{got.RefreshToken},
	}
}

const linClients, linCalls = 4, 7

func (h *linHistory) run(t *testing.T) []porcupine.Operation {
	t.Helper()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for client := range linClients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(h.seed, uint64(client)))
			<-start
			for range linCalls {
				if err := h.call(t, client, rng); err != nil {
					t.Errorf("history %d: %v", h.seed, err)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	return h.ops
}

func (h *linHistory) call(t *testing.T, client int, rng *rand.Rand) error {
	in, refresh := h.choose(t, rng)
	call := time.Since(h.began)
	out, err := h.do(t, in, refresh)
	back := time.Since(h.began)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: call.Nanoseconds(), Output: out, Return: back.Nanoseconds()})
	return nil
}

// choose takes the latest token mostly, and an end seldom: what comes after an
// end is all the same.
func (h *linHistory) choose(t *testing.T, rng *rand.Rand) (linInput, string) {
	h.mu.Lock()
	last := len(h.tokens) - 1
	refresh := h.tokens[max(0, last-max(0, rng.IntN(6)-3))]
	h.mu.Unlock()
	switch rng.IntN(25) {
	case 0:
		return linInput{kind: "logout"}, refresh
	case 1:
		return linInput{kind: "ban"}, ""
	case 2, 3:
		return linInput{kind: "peek"}, ""
	}
	return linInput{kind: "reissue", generation: rotClaims(t, refresh).Gen, key: rng.IntN(3)}, refresh
}

func (h *linHistory) do(t *testing.T, in linInput, refresh string) (linOutput, error) {
	ctx := context.Background()
	switch in.kind {
	case "logout":
		return linOutput{}, h.svc.Logout(ctx, api.ReissueRequest{RefreshToken: refresh})
	case "ban":
		_, err := h.svc.EndUser(ctx, h.session.User, api.ReasonEndedByAdmin)
		return linOutput{}, err
	case "peek":
		rec, _, err := h.store.Get(ctx, h.session)
		return linOutput{rec.Generation, rec.EndReason}, err
	}
	r := api.ReissueRequest{RefreshToken: refresh}
	if in.key > 0 {
		r.IdempotencyKey = fmt.Sprintf("a-key-of-enough-characters-%d", in.key)
	}
	got, err := h.svc.Reissue(ctx, r)
	if errors.Is(err, api.ErrLoginRequired) {
		return linOutput{refused: api.AsError(err).Reason}, nil
	}
	if err != nil {
		return linOutput{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = append(h.tokens, got.RefreshToken)
	return linOutput{generation: rotClaims(t, got.RefreshToken).Gen}, nil
}

func (h *linHistory) String() (text string) {
	for _, op := range h.ops {
		text += fmt.Sprintf("%8d–%8d ns client %d %+v: %+v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	return text
}
