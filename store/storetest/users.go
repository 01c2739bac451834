package storetest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawlauth/pawl"
)

// Users checks a [pawl.UserStore].
func Users(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"a user is read as stored", userRoundTrip},
		{"an ID and a login are taken once", userConflict},
		{"a password is replaced if it is still the old one", userPassword},
		{"users are listed by login, in pages", userList},
		{"SECURITY 44: the setup code is good once", setupOnce},
		{"SECURITY 44: only the last code is good, and none beside an administrator", setupClosed},
		{"a setup that conflicts leaves the code good", setupConflict},
		{"racing writers do not undo each other", userRaces},
		{"many are added in one step, those that are taken apart", usersMany},
		{"what is to be changed is changed, and nothing else", userUpdate},
		{"changes of different things do not undo each other", userUpdateRaces},
		{"a deleted user is gone, and the code with them", userDelete},
		{"users without a login have an ID only", userNoLogin},
		{"users are searched by a part of the login or the ID", userSearch},
		{"SECURITY 59: a reset code is good once, the last one, until it expires", resetOnce},
		{"a new password voids the reset code", resetVoided},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newFixture(t, open))
		})
	}
}

func (f *fixture) sameUser(want, got pawl.User) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("user (-want +got):\n%s", diff)
	}
}

func userRoundTrip(f *fixture) {
	for _, want := range []pawl.User{
		{ID: "1", Login: "anna", PasswordHash: "$argon2id$v=19$…"},
		{ID: "2", Login: "Ωmega Ünïcode", Disabled: true, Roles: []string{"admin", "ops", "ö"}},
		{ID: "3", Login: "claims", Roles: []string{""}, Claims: map[string]any{
			"tenant": "a", "level": 3.5, "big": float64(1 << 52), "on": true, "none": nil,
			"list": []any{"x", 1.0}, "nested": map[string]any{"quote": `"\<>&`},
		}},
	} {
		f.must(f.Users.CreateUser(f.ctx, want))
		folded, err := pawl.FoldLogin(want.Login)
		f.must(err)
		for _, node := range []Node{f.Node, f.Second} {
			got, err := node.Users.ByID(f.ctx, want.ID)
			f.must(err)
			f.sameUser(want, got)
			for range got.Roles {
				got.Roles[0] = "changed by the reader"
			}
			if got.Claims != nil {
				got.Claims["tenant"] = "changed by the reader"
			}
			got, err = node.Users.ByLogin(f.ctx, folded)
			f.must(err)
			f.sameUser(want, got)
		}
	}
	for _, login := range []string{"", "1", "annå", "anna2"} {
		_, err := f.Users.ByLogin(f.ctx, login)
		f.is(err, pawl.ErrNotFound)
		_, err = f.Users.ByID(f.ctx, login+"x")
		f.is(err, pawl.ErrNotFound)
	}
}

func userConflict(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "Zoë"}))
	for name, u := range map[string]pawl.User{
		"same":                {ID: "1", Login: "Zoë"},
		"same ID":             {ID: "1", Login: "other"},
		"same login":          {ID: "2", Login: "Zoë"},
		"login in other case": {ID: "3", Login: " ZOË "},
		"login decomposed":    {ID: "4", Login: "zoe\u0308"},
	} {
		if err := f.Users.CreateUser(f.ctx, u); err == nil {
			f.Errorf("%s: created", name)
		} else {
			f.is(err, pawl.ErrConflict)
		}
	}
	if err := f.Users.CreateUser(f.ctx, pawl.User{ID: "5", Login: " "}); err == nil {
		f.Error("created a user whom nobody can sign in as")
	}
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "2", Login: "other"}))
}

func userPassword(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "a", PasswordHash: "old", Roles: []string{"r"}}))
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "2", Login: "b", PasswordHash: "old"}))
	f.is(f.Users.SetPasswordHash(f.ctx, "1", "older", "new"), pawl.ErrConflict)
	f.is(f.Users.SetPasswordHash(f.ctx, "3", "old", "new"), pawl.ErrNotFound)
	f.must(f.Users.SetPasswordHash(f.ctx, "1", "old", "new"))
	f.is(f.Users.SetPasswordHash(f.ctx, "1", "old", "newer"), pawl.ErrConflict)
	for id, want := range map[string]pawl.User{
		"1": {ID: "1", Login: "a", PasswordHash: "new", Roles: []string{"r"}},
		"2": {ID: "2", Login: "b", PasswordHash: "old"},
	} {
		got, err := f.Second.Users.ByID(f.ctx, id)
		f.must(err)
		f.sameUser(want, got)
		got, err = f.Users.ByLogin(f.ctx, want.Login)
		f.must(err)
		f.sameUser(want, got)
	}
}

func userList(f *fixture) {
	// In the byte order of the folded logins.
	want := []string{"1 ", "Anna", "anna b", "B", "z", "É", "Ωmega"}
	for _, i := range []int{3, 1, 6, 0, 5, 2, 4} {
		f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: fmt.Sprint(9 - i), Login: want[i]}))
	}
	for _, limit := range []int{1, 2, 7, 100} {
		after, got := "", []string(nil)
		for {
			page, err := f.Users.ListUsers(f.ctx, pawl.UserQuery{After: after, Limit: limit})
			f.must(err)
			if len(page) == 0 {
				break
			}
			if len(page) > limit {
				f.Fatalf("%d users, limit %d", len(page), limit)
			}
			for _, u := range page {
				got = append(got, u.Login)
				after, err = pawl.FoldLogin(u.Login)
				f.must(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	if page, err := f.Users.ListUsers(f.ctx, pawl.UserQuery{}); err != nil || len(page) != 0 {
		f.Errorf("limit 0: %v, %v", page, err)
	}
}

func code(text string) [32]byte { return sha256.Sum256([]byte(text)) }

func admin(id string) pawl.User {
	return pawl.User{ID: id, Login: "admin " + id, Roles: []string{"x", pawl.RoleAdmin}}
}

func (f *fixture) offer(text string, want bool) {
	f.Helper()
	if open, err := f.Users.OfferSetup(f.ctx, code(text)); err != nil || open != want {
		f.Errorf("offer: %v, %v", open, err)
	}
}

// checks is what CheckSetup is to say of a code, at each node.
func (f *fixture) checks(text string, want error) {
	f.Helper()
	for _, node := range []Node{f.Node, f.Second} {
		f.is(node.Users.CheckSetup(f.ctx, code(text)), want)
	}
}

func setupOnce(f *fixture) {
	f.is(f.Users.CreateFirst(f.ctx, [32]byte{}, admin("0")), pawl.ErrNotFound) // nothing was offered
	f.checks("code", pawl.ErrNotFound)
	f.offer("code", true)
	f.checks("code", nil)
	f.checks("guess", pawl.ErrNotFound)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := []Node{f.Node, f.Second}[i%2].Users.CreateFirst(f.ctx, code("code"), admin(fmt.Sprint(i)))
			if err == nil {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	list, err := f.Users.ListUsers(f.ctx, pawl.UserQuery{Limit: 100})
	if err != nil || made.Load() != 1 || len(list) != 1 {
		f.Errorf("%d made, users %v, %v", made.Load(), list, err)
	}
	f.is(f.Users.CreateFirst(f.ctx, code("code"), admin("late")), pawl.ErrNotFound)
	f.checks("code", pawl.ErrNotFound)
	f.offer("code", false)
}

func setupClosed(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "nobody special", Roles: []string{"administrator", "Admin"}}))
	f.offer("first", true)
	f.offer("second", true)
	f.is(f.Users.CreateFirst(f.ctx, code("first"), admin("2")), pawl.ErrNotFound)
	f.is(f.Users.CreateFirst(f.ctx, code("?"), admin("2")), pawl.ErrNotFound)
	f.checks("first", pawl.ErrNotFound)
	f.checks("second", nil)
	f.must(f.Users.CreateUser(f.ctx, admin("3"))) // by other means
	f.checks("second", pawl.ErrNotFound)
	f.is(f.Users.CreateFirst(f.ctx, code("second"), admin("2")), pawl.ErrNotFound)
	f.offer("third", false)
	_, err := f.Users.ByID(f.ctx, "2")
	f.is(err, pawl.ErrNotFound)
}

func setupConflict(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "anna"}))
	f.offer("code", true)
	f.is(f.Users.CreateFirst(f.ctx, code("code"), pawl.User{ID: "2", Login: "ANNA", Roles: []string{pawl.RoleAdmin}}), pawl.ErrConflict)
	f.is(f.Users.CreateFirst(f.ctx, code("code"), admin("1")), pawl.ErrConflict)
	f.must(f.Second.Users.CreateFirst(f.ctx, code("code"), admin("2")))
	got, err := f.Users.ByID(f.ctx, "2")
	f.must(err)
	f.sameUser(admin("2"), got)
}

func userRaces(f *fixture) {
	var created, changed atomic.Int64
	for round := range 5 {
		var wg sync.WaitGroup
		old := fmt.Sprint("hash ", round)
		f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: old, Login: old, PasswordHash: "old"}))
		for i := range 16 {
			node := []Node{f.Node, f.Second}[i%2]
			wg.Go(func() {
				if node.Users.CreateUser(f.ctx, pawl.User{ID: fmt.Sprint(round, i), Login: fmt.Sprint("r", round)}) == nil {
					created.Add(1)
				}
				if node.Users.SetPasswordHash(f.ctx, old, "old", fmt.Sprint(i)) == nil {
					changed.Add(1)
				}
			})
		}
		wg.Wait()
	}
	if created.Load() != 5 || changed.Load() != 5 {
		f.Errorf("created %d, changed %d, not 5 each", created.Load(), changed.Load())
	}
}
