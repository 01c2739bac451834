package feedtest

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
)

var quiet = slog.New(slog.DiscardHandler)

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

func call(h http.Handler, bearer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// header is the first segment of a token that some other key has signed.
func header(i int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"typ":"at+jwt","alg":"ES256","kid":"no-such-key-%d"}`, i))
}

// swapping is a session store in whose place another can be put.
type swapping struct{ store atomic.Pointer[memory.Store] }

func (s *swapping) in(store *memory.Store) { s.store.Store(store) }

func (s *swapping) now() pawl.SessionStore { return s.store.Load() }

func (s *swapping) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	return s.now().Mark(ctx, user)
}

func (s *swapping) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	return s.now().Create(ctx, rec, seen, limit)
}

func (s *swapping) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	return s.now().Get(ctx, k)
}

func (s *swapping) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	return s.now().Rotate(ctx, from, next)
}

func (s *swapping) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	return s.now().End(ctx, k, reason, at)
}

func (s *swapping) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	return s.now().EndEach(ctx, user, ids, reason, at)
}

func (s *swapping) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	return s.now().EndUser(ctx, user, keep, reason, at)
}

func (s *swapping) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	return s.now().EndAll(ctx, reason, at)
}

func (s *swapping) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	return s.now().EndAgain(ctx, e, unlogged)
}

func (s *swapping) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	return s.now().List(ctx, user, after, limit)
}

func (s *swapping) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.now().Scan(ctx, after, limit)
}

func (s *swapping) CountLive(ctx context.Context, now time.Time) (int, error) {
	return s.now().CountLive(ctx, now)
}

func (s *swapping) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	return s.now().Revocations(ctx, after, limit)
}

func (s *swapping) Sweep(ctx context.Context, sessions, log time.Time, limit int) (int, error) {
	return s.now().Sweep(ctx, sessions, log, limit)
}
