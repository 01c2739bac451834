package pawltest

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

// overUsers puts the faults over a user table, without adding abilities that it
// has not: the service asks by type what a table can do.
func (f *faults) overUsers(users pawl.Users) pawl.Users {
	over := faultyUsers{users, f}
	switch u := users.(type) {
	case pawl.UserStore:
		return faultyUserStore{over, faultySetter{u, f}, u}
	case pawl.PasswordSetter:
		return struct {
			faultyUsers
			faultySetter
		}{over, faultySetter{u, f}}
	}
	return over
}

type faultyUsers struct {
	users pawl.Users
	f     *faults
}

func (s faultyUsers) ByID(ctx context.Context, id string) (pawl.User, error) {
	if err := s.f.err(); err != nil {
		return pawl.User{}, err
	}
	return s.f.overlay(s.users.ByID(ctx, id))
}

func (s faultyUsers) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	if err := s.f.err(); err != nil {
		return pawl.User{}, err
	}
	return s.f.overlay(s.users.ByLogin(ctx, login))
}

type faultySetter struct {
	setter pawl.PasswordSetter
	f      *faults
}

func (s faultySetter) SetPasswordHash(ctx context.Context, id, old, new string) error {
	if err := s.f.err(); err != nil {
		return err
	}
	return s.setter.SetPasswordHash(ctx, id, old, new)
}

type faultyUserStore struct {
	faultyUsers
	faultySetter
	store pawl.UserStore
}

var _ pawl.UserStore = faultyUserStore{}

func (s faultyUserStore) CreateUser(ctx context.Context, u pawl.User) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.CreateUser(ctx, u)
}

func (s faultyUserStore) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return nil, err
	}
	return s.store.CreateUsers(ctx, us)
}

func (s faultyUserStore) UpdateUser(ctx context.Context, id string, c pawl.UserChange) (before, after pawl.User, err error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return before, after, err
	}
	return s.store.UpdateUser(ctx, id, c)
}

func (s faultyUserStore) DeleteUser(ctx context.Context, id string) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.DeleteUser(ctx, id)
}

func (s faultyUserStore) ListUsers(ctx context.Context, q pawl.UserQuery) ([]pawl.User, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return nil, err
	}
	return s.store.ListUsers(ctx, q)
}

func (s faultyUserStore) OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.OfferReset(ctx, id, code, expires)
}

func (s faultyUserStore) ResetOf(ctx context.Context, code [32]byte, now time.Time) (pawl.Reset, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return pawl.Reset{}, err
	}
	return s.store.ResetOf(ctx, code, now)
}

func (s faultyUserStore) ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.ResetPassword(ctx, code, now, hash)
}

func (s faultyUserStore) OfferSetup(ctx context.Context, code [32]byte) (bool, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return false, err
	}
	return s.store.OfferSetup(ctx, code)
}

func (s faultyUserStore) CheckSetup(ctx context.Context, code [32]byte) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.CheckSetup(ctx, code)
}

func (s faultyUserStore) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.CreateFirst(ctx, code, u)
}
