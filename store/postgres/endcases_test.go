package postgres_test

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// An endCase is a way in which a session ends, and what reports later that this has
// happened.
type endCase struct {
	name     string
	database string // those that end everyone's sessions have one of their own
	end      func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error)
	// done is asked once more after the reply to end was lost.
	done func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error)
}

func ofUser(rec pawl.Session) pawl.LoggedEnd {
	r := token.Revocation{Kind: token.KindUser, ID: rec.User, Reason: api.ReasonEndedByAdmin, NotBefore: rec.AuthTime, At: noon}
	return pawl.LoggedEnd{Revocation: r}
}

func ofAll(rec pawl.Session) pawl.LoggedEnd {
	r := token.Revocation{Kind: token.KindAll, Reason: api.ReasonEndedByAdmin, NotBefore: rec.AuthTime, At: noon}
	return pawl.LoggedEnd{Revocation: r}
}

func ofSession(rec pawl.Session) pawl.LoggedEnd {
	r := token.Revocation{Kind: token.KindSession, ID: rec.ID, Reason: api.ReasonSignedOut, At: noon}
	return pawl.LoggedEnd{Revocation: r, User: rec.User}
}

func endOf(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	return s.End(ctx, rec.SessionKey, api.ReasonSignedOut, noon)
}

func endOfEach(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	ended, err := s.EndEach(ctx, rec.User, []string{rec.ID}, api.ReasonSignedOut, noon)
	return len(ended) > 0, err
}

// endOfNone confirms what the caller finds ended, as the service does: a session
// that no end has reached yet is none.
func endOfNone(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	if got, mark, err := s.Get(ctx, rec.SessionKey); err != nil || got.Live(mark, rec.Created) {
		return false, cmp.Or(err, errors.New("it was not ended"))
	}
	ended, err := s.EndEach(ctx, rec.User, nil, api.ReasonSignedOut, noon)
	return len(ended) > 0, err
}

func endOfUser(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	_, _, err := s.EndUser(ctx, rec.User, "", api.ReasonEndedByAdmin, noon)
	return true, err
}

func endOfAll(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	_, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon)
	return true, err
}

// eviction makes room for another session, which is created later.
func eviction(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
	mark, err := s.Mark(ctx, rec.User)
	if err != nil {
		return false, err
	}
	_, err = s.Create(ctx, storetest.NewSession(rec.User, noon.Add(time.Second)), mark, 1)
	return true, err
}

func again(e func(pawl.Session) pawl.LoggedEnd) func(context.Context, *postgres.Store, pawl.Session) (bool, error) {
	return func(ctx context.Context, s *postgres.Store, rec pawl.Session) (bool, error) {
		return s.EndAgain(ctx, e(rec), false)
	}
}

func endCases() []endCase {
	return []endCase{
		{"End, End", "postgres", endOf, endOf},
		{"End, EndAgain", "postgres", endOf, again(ofSession)},
		{"EndEach, End", "postgres", endOfEach, endOf},
		{"EndEach, EndEach", "postgres", endOfEach, endOfEach},
		{"EndEach, EndEach of none", "postgres", endOfEach, endOfNone},
		{"End, EndEach of none", "postgres", endOf, endOfNone},
		{"EndUser, End", "postgres", endOfUser, endOf},
		{"EndUser, EndAgain", "postgres", endOfUser, again(ofUser)},
		{"eviction, End", "postgres", eviction, endOf},
		{"EndAgain of a session, EndAgain", "postgres", again(ofSession), again(ofSession)},
		{"EndAgain of a user, EndAgain", "postgres", again(ofUser), again(ofUser)},
		{"EndAgain of all, EndAgain", "everyone", again(ofAll), again(ofAll)},
		{"EndAll, End", "everyone", endOfAll, endOf},
		{"EndAll, EndAgain", "everyone", endOfAll, again(ofAll)},
	}
}
