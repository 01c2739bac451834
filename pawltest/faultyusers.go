package pawltest

import (
	"context"

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

func (s faultyUserStore) ListUsers(ctx context.Context, after string, limit int) ([]pawl.User, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return nil, err
	}
	return s.store.ListUsers(ctx, after, limit)
}

func (s faultyUserStore) OfferSetup(ctx context.Context, code [32]byte) (bool, error) {
	if err := s.faultyUsers.f.err(); err != nil {
		return false, err
	}
	return s.store.OfferSetup(ctx, code)
}

func (s faultyUserStore) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	if err := s.faultyUsers.f.err(); err != nil {
		return err
	}
	return s.store.CreateFirst(ctx, code, u)
}
