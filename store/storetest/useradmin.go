package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
)

func ref[T any](v T) *T { return &v }

// usersMany adds in one step, as an import does.
func usersMany(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "0", Login: "anna", PasswordHash: "kept"}))
	taken, err := f.Users.CreateUsers(f.ctx, []pawl.User{
		{ID: "1", Login: "ANNA"}, {ID: "2", Login: "ben", Roles: []string{"r"}}, {ID: "3", Login: "Ben"}, {ID: "0", Login: "carl"}, {ID: "4", Login: "dora"},
	})
	f.must(err)
	if diff := cmp.Diff([]bool{true, false, true, true, false}, taken); diff != "" {
		f.Errorf("taken (-want +got):\n%s", diff)
	}
	for id, want := range map[string]pawl.User{
		"0": {ID: "0", Login: "anna", PasswordHash: "kept"}, "2": {ID: "2", Login: "ben", Roles: []string{"r"}}, "4": {ID: "4", Login: "dora"},
	} {
		got, err := f.Second.Users.ByID(f.ctx, id)
		f.must(err)
		f.sameUser(want, got)
	}
	for _, id := range []string{"1", "3"} {
		_, err := f.Users.ByID(f.ctx, id)
		f.is(err, pawl.ErrNotFound)
	}
	if _, err := f.Users.CreateUsers(f.ctx, []pawl.User{{ID: "5", Login: "emil"}, {ID: "6", Login: " "}}); err == nil {
		f.Error("a user whom nobody can name was added")
	}
	_, err = f.Users.ByID(f.ctx, "5")
	f.is(err, pawl.ErrNotFound) // one step: none of them
	if taken, err := f.Users.CreateUsers(f.ctx, nil); err != nil || len(taken) != 0 {
		f.Errorf("nobody: %v, %v", taken, err)
	}
}

func userUpdate(f *fixture) {
	start := pawl.User{ID: "1", Login: "anna", PasswordHash: "h", Roles: []string{"a"}, Claims: map[string]any{"t": "x"}}
	f.must(f.Users.CreateUser(f.ctx, start))
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "2", Login: "ben"}))
	want := start
	for _, test := range []struct {
		name   string
		change pawl.UserChange
		apply  func(*pawl.User)
	}{
		{"nothing", pawl.UserChange{}, func(*pawl.User) {}},
		{"disable", pawl.UserChange{Disabled: ref(true)}, func(u *pawl.User) { u.Disabled = true }},
		{"roles", pawl.UserChange{Roles: ref([]string{"b", "c"})}, func(u *pawl.User) { u.Roles = []string{"b", "c"} }},
		{"claims", pawl.UserChange{Claims: ref(map[string]any{"n": 1.5})}, func(u *pawl.User) { u.Claims = map[string]any{"n": 1.5} }},
		{"no roles, no claims, enabled", pawl.UserChange{Roles: ref([]string{}), Claims: ref(map[string]any{}), Disabled: ref(false)}, func(u *pawl.User) { u.Roles, u.Claims, u.Disabled = nil, nil, false }},
		{"the own login in other case", pawl.UserChange{Login: ref("Anna")}, func(u *pawl.User) { u.Login = "Anna" }},
		{"login", pawl.UserChange{Login: ref("zoë")}, func(u *pawl.User) { u.Login = "zoë" }},
		{"no login", pawl.UserChange{Login: ref("")}, func(u *pawl.User) { u.Login = "" }},
		{"a login again", pawl.UserChange{Login: ref("anna")}, func(u *pawl.User) { u.Login = "anna" }},
		// Others may have set the password of a user who was no administrator.
		{"an administrator, without the password", pawl.UserChange{Roles: ref([]string{"b", pawl.RoleAdmin})}, func(u *pawl.User) { u.Roles, u.PasswordHash = []string{"b", pawl.RoleAdmin}, "" }},
	} {
		before, after, err := f.Users.UpdateUser(f.ctx, "1", test.change)
		if err != nil {
			f.Fatalf("%s: %v", test.name, err)
		}
		f.sameUser(want, before)
		test.apply(&want)
		f.sameUser(want, after)
		got, err := f.Second.Users.ByID(f.ctx, "1")
		f.must(err)
		f.sameUser(want, got)
	}
	_, err := f.Users.ByLogin(f.ctx, "zoë")
	f.is(err, pawl.ErrNotFound)
	got, err := f.Users.ByLogin(f.ctx, "anna")
	f.must(err)
	f.sameUser(want, got)

	_, _, err = f.Users.UpdateUser(f.ctx, "1", pawl.UserChange{Login: ref("BEN"), Disabled: ref(true)})
	f.is(err, pawl.ErrConflict)
	got, err = f.Users.ByID(f.ctx, "1")
	f.must(err)
	f.sameUser(want, got)
	f.must(f.Users.SetPasswordHash(f.ctx, "1", "", "h2"))
	_, after, err := f.Users.UpdateUser(f.ctx, "1", pawl.UserChange{Roles: ref([]string{pawl.RoleAdmin})})
	f.must(err)
	want.Roles, want.PasswordHash = []string{pawl.RoleAdmin}, "h2"
	f.sameUser(want, after) // an administrator already: the password stays
	_, _, err = f.Users.UpdateUser(f.ctx, "3", pawl.UserChange{Disabled: ref(true)})
	f.is(err, pawl.ErrNotFound)
}

// userUpdateRaces: changes of different things do not undo each other.
func userUpdateRaces(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "anna", PasswordHash: "0"}))
	var wg sync.WaitGroup
	run := func(change func(node Node, i int) error) {
		wg.Go(func() {
			for i := range 20 {
				if err := change([]Node{f.Node, f.Second}[i%2], i); err != nil {
					f.Error(err)
				}
			}
		})
	}
	run(func(n Node, i int) error {
		_, _, err := n.Users.UpdateUser(f.ctx, "1", pawl.UserChange{Roles: ref([]string{fmt.Sprint(i)})})
		return err
	})
	run(func(n Node, i int) error {
		_, _, err := n.Users.UpdateUser(f.ctx, "1", pawl.UserChange{Claims: ref(map[string]any{"i": float64(i)})})
		return err
	})
	run(func(n Node, i int) error {
		return n.Users.SetPasswordHash(f.ctx, "1", fmt.Sprint(i), fmt.Sprint(i+1))
	})
	wg.Wait()
	got, err := f.Users.ByID(f.ctx, "1")
	f.must(err)
	f.sameUser(pawl.User{ID: "1", Login: "anna", PasswordHash: "20", Roles: []string{"19"}, Claims: map[string]any{"i": 19.0}}, got)
}

func userDelete(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "anna"}))
	f.must(f.Users.OfferReset(f.ctx, "1", code("reset"), noon.Add(ms)))
	f.must(f.Users.DeleteUser(f.ctx, "1"))
	f.is(f.Second.Users.DeleteUser(f.ctx, "1"), pawl.ErrNotFound)
	_, err := f.Users.ByID(f.ctx, "1")
	f.is(err, pawl.ErrNotFound)
	_, err = f.Users.ByLogin(f.ctx, "anna")
	f.is(err, pawl.ErrNotFound)
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "Anna"}))
	_, err = f.Users.ResetOf(f.ctx, code("reset"), noon)
	f.is(err, pawl.ErrNotFound) // the code of the one before
}

// userNoLogin: people whom another system signs in.
func userNoLogin(f *fixture) {
	for _, id := range []string{"b", "B", "a"} { // other systems tell ids apart by case
		f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: id}))
	}
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "zz"}))
	f.is(f.Users.CreateUser(f.ctx, pawl.User{ID: "b"}), pawl.ErrConflict)
	got, err := f.Users.ByID(f.ctx, "B")
	f.must(err)
	f.sameUser(pawl.User{ID: "B"}, got)
	for _, login := range []string{"", "b", "B"} {
		_, err := f.Users.ByLogin(f.ctx, login)
		f.is(err, pawl.ErrNotFound)
	}
	f.listed("those without a login come last", pawl.UserQuery{}, "1", "B", "a", "b")
}

// listed checks the IDs of all pages.
func (f *fixture) listed(name string, q pawl.UserQuery, want ...string) {
	f.Helper()
	for _, q.Limit = range []int{1, 2, 100} {
		var got []string
		for q.After = ""; ; {
			page, err := f.Users.ListUsers(f.ctx, q)
			f.must(err)
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				got = append(got, u.ID)
				q.After, err = u.SortKey()
				f.must(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s, %d a page (-want +got):\n%s", name, q.Limit, diff)
		}
	}
}

func userSearch(f *fixture) {
	for id, login := range map[string]string{"1": "anna@example.com", "2": "Hannah", "3": "100%_sure", "4": "Zoë", "an": ""} {
		f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: id, Login: login}))
	}
	for search, want := range map[string][]string{
		"ann": {"1", "2"}, "ANNA": {"1", "2"}, "@example": {"1"}, "%_": {"3"}, "_": {"3"}, "ZOE\u0308": {"4"},
		"4": {"4"}, "an": {"1", "2", "an"}, "nobody": nil, "\x00": nil, "'": nil,
	} {
		f.listed("search "+search, pawl.UserQuery{Search: search}, want...)
	}
}

func resetOnce(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "anna", PasswordHash: "old", Roles: []string{"r"}}))
	f.is(f.Users.OfferReset(f.ctx, "2", code("x"), noon), pawl.ErrNotFound)
	f.must(f.Users.OfferReset(f.ctx, "1", code("first"), noon.Add(ms)))
	f.must(f.Users.OfferReset(f.ctx, "1", code("code"), noon.Add(ms)))
	for _, wrong := range []string{"first", "other", ""} {
		_, err := f.Users.ResetOf(f.ctx, code(wrong), noon)
		f.is(err, pawl.ErrNotFound)
		f.is(f.Users.ResetPassword(f.ctx, code(wrong), noon, "stolen"), pawl.ErrNotFound)
	}
	f.resetIs("code", pawl.Reset{User: pawl.User{ID: "1", Login: "anna", PasswordHash: "old", Roles: []string{"r"}}})
	_, err := f.Users.ResetOf(f.ctx, code("code"), noon.Add(ms))
	f.is(err, pawl.ErrNotFound)
	f.is(f.Users.ResetPassword(f.ctx, code("code"), noon.Add(ms), "late"), pawl.ErrNotFound)

	var done atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if []Node{f.Node, f.Second}[i%2].Users.ResetPassword(f.ctx, code("code"), noon, "new") == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 {
		f.Errorf("one code set %d passwords", done.Load())
	}
	f.resetIs("code", pawl.Reset{Spent: true, User: pawl.User{ID: "1", Login: "anna", PasswordHash: "new", Roles: []string{"r"}}})
}

func (f *fixture) resetIs(text string, want pawl.Reset) {
	f.Helper()
	got, err := f.Second.Users.ResetOf(f.ctx, code(text), noon)
	f.must(err)
	f.sameUser(want.User, got.User)
	if got.Spent != want.Spent {
		f.Errorf("spent: %v", got.Spent)
	}
}

func resetVoided(f *fixture) {
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "1", Login: "anna", PasswordHash: "old"}))
	f.must(f.Users.CreateUser(f.ctx, pawl.User{ID: "2", Login: "ben", PasswordHash: "old"}))
	f.must(f.Users.OfferReset(f.ctx, "1", code("1"), noon.Add(ms)))
	f.must(f.Users.OfferReset(f.ctx, "2", code("2"), noon.Add(ms)))
	f.is(f.Users.SetPasswordHash(f.ctx, "1", "not it", "new"), pawl.ErrConflict)
	f.resetIs("1", pawl.Reset{User: pawl.User{ID: "1", Login: "anna", PasswordHash: "old"}})
	f.must(f.Users.SetPasswordHash(f.ctx, "1", "old", "new"))
	_, err := f.Users.ResetOf(f.ctx, code("1"), noon)
	f.is(err, pawl.ErrNotFound)
	f.resetIs("2", pawl.Reset{User: pawl.User{ID: "2", Login: "ben", PasswordHash: "old"}})

	_, _, err = f.Users.UpdateUser(f.ctx, "2", pawl.UserChange{Roles: ref([]string{"r"})})
	f.must(err)
	f.resetIs("2", pawl.Reset{User: pawl.User{ID: "2", Login: "ben", PasswordHash: "old", Roles: []string{"r"}}})
	admin := pawl.UserChange{Roles: ref([]string{"r", pawl.RoleAdmin})}
	_, _, err = f.Users.UpdateUser(f.ctx, "2", admin)
	f.must(err)
	_, err = f.Users.ResetOf(f.ctx, code("2"), noon)
	f.is(err, pawl.ErrNotFound) // made for somebody who was no administrator
	f.must(f.Users.OfferReset(f.ctx, "2", code("2"), noon.Add(ms)))
	_, _, err = f.Users.UpdateUser(f.ctx, "2", admin)
	f.must(err)
	f.resetIs("2", pawl.Reset{User: pawl.User{ID: "2", Login: "ben", Roles: []string{"r", pawl.RoleAdmin}}})
}
