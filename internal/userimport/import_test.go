package userimport_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/userimport"
	"github.com/pawlauth/pawl/store/memory"
)

const ownHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// importing is an import into a memory store, with what it told.
type importing struct {
	userimport.Importer
	t     *testing.T
	store *memory.Store
	bad   []string
	ended []string
}

func newImporting(t *testing.T) *importing {
	im := &importing{t: t, store: memory.New()}
	im.Store, im.Now = im.store, func() time.Time { return now }
	im.Bad = func(e userimport.Entry) error {
		im.bad = append(im.bad, fmt.Sprintf("%d: %v", e.Line, e.Err))
		return nil
	}
	im.Ended = func(u pawl.User, reason string) { im.ended = append(im.ended, u.Login+" "+reason) }
	return im
}

func (im *importing) csv(text string) userimport.Counts {
	im.t.Helper()
	im.bad, im.ended = nil, nil
	r, err := userimport.NewReader(strings.NewReader(text), userimport.Options{Format: userimport.CSV})
	if err != nil {
		im.t.Fatal(err)
	}
	n, err := im.Import(im.t.Context(), r)
	if err != nil {
		im.t.Fatal(err)
	}
	if n.Lines != n.Added+n.Updated+n.Unchanged+n.Different+n.Bad || n.Bad != len(im.bad) {
		im.t.Errorf("the counts do not add up: %+v, %d reported", n, len(im.bad))
	}
	return n
}

func (im *importing) user(login string) pawl.User {
	im.t.Helper()
	u, err := im.store.ByLogin(im.t.Context(), login)
	if err != nil {
		im.t.Fatalf("%s: %v", login, err)
	}
	return u
}

func (im *importing) want(what string, got, want userimport.Counts) {
	im.t.Helper()
	want.Lines = got.Lines
	if diff := cmp.Diff(want, got); diff != "" {
		im.t.Errorf("%s: %s", what, diff)
	}
}

func (im *importing) session(login string) {
	im.t.Helper()
	u := im.user(login)
	s := pawl.Session{
		SessionKey: pawl.SessionKey{User: u.ID, ID: strings.Repeat("s", 22)}, Created: now, Rotated: now, Opened: now,
		IdleExpires: now.Add(time.Hour), Ends: now.Add(time.Hour), AuthTime: now,
	}
	if _, err := im.store.Create(im.t.Context(), s, pawl.Mark{}, 0); err != nil {
		im.t.Fatal(err)
	}
}

func TestImportAddsAndCanBeRunAgain(t *testing.T) {
	im := newImporting(t)
	file := "userId,passwordHash,roles,subject\nada," + bcrypt + ",admin,u-1\nbob," + django + ",,\neve,,,\n"
	im.want("dry run", func() userimport.Counts { im.DryRun = true; return im.csv(file) }(), userimport.Counts{Added: 3, NoPassword: 1})
	if list, err := im.store.ListUsers(t.Context(), pawl.UserQuery{Limit: 9}); len(list) != 0 || err != nil {
		t.Errorf("a dry run wrote %v, %v", list, err)
	}
	im.DryRun = false
	im.want("first", im.csv(file), userimport.Counts{Added: 3, NoPassword: 1})
	if diff := cmp.Diff(pawl.User{ID: "u-1", Login: "ada", PasswordHash: bcrypt, Roles: []string{"admin"}}, im.user("ada")); diff != "" {
		t.Error(diff)
	}
	bob := im.user("bob")
	im.want("again", im.csv(file), userimport.Counts{Unchanged: 3})
	if got := im.user("bob"); got.ID != bob.ID || bob.ID == "" {
		t.Errorf("the subject became %q from %q", got.ID, bob.ID)
	}
}

func TestBadLinesCostNoneOfTheOthers(t *testing.T) {
	im := newImporting(t)
	if err := im.store.CreateUser(t.Context(), pawl.User{ID: "u-9", Login: "old"}); err != nil {
		t.Fatal(err)
	}
	file := "userId,passwordHash,subject\nada,,\nbob,{noop}x,\nADA,,\nbob,,\ncarl,,u-9\ndora,,u-3\nedna,,u-3\nold,,u-8\nzoe,,\n"
	want := []string{
		"3: password hash: Spring's {noop} keeps the password itself; import the person without a hash and send them a password-reset link",
		"4: userId is that of line 2 already",
		`6: subject is that of "old" already`,
		"8: subject is that of line 7 already",
		"9: the person is there already with another subject, and subjects never change; leave the subject out, or delete the person first",
	}
	for _, dry := range []bool{true, false} {
		im.DryRun = dry
		im.want("mixed", im.csv(file), userimport.Counts{Added: 4, Bad: 5, NoPassword: 4})
		if diff := cmp.Diff(want, im.bad); diff != "" {
			t.Errorf("dry run %v: %s", dry, diff)
		}
	}
	for _, login := range []string{"ada", "bob", "dora", "zoe"} {
		im.user(login)
	}
}

func TestUpdateMakesPeopleAsTheFileHasThem(t *testing.T) {
	im := newImporting(t)
	im.csv("userId,passwordHash,roles,claims,disabled\n" +
		"ada," + bcrypt + ",admin,\"{\"\"plan\"\":\"\"gold\"\"}\",\n" +
		"bob," + bcrypt + ",,,\ncarl," + bcrypt + ",,,\n")
	changed := "userId,roles,disabled\nada,auditor,\nbob,,true\ncarl,,\n"

	im.want("without --update", im.csv(changed), userimport.Counts{Different: 2, Unchanged: 1})
	if im.user("bob").Disabled {
		t.Error("changed without --update")
	}
	im.Update, im.DryRun = true, true
	im.want("dry run", im.csv(changed), userimport.Counts{Updated: 2, Unchanged: 1})
	if im.user("bob").Disabled {
		t.Error("a dry run wrote")
	}
	im.DryRun = false
	im.session("bob")
	im.want("with --update", im.csv(changed), userimport.Counts{Updated: 2, Unchanged: 1})
	ada := im.user("ada")
	if !slices.Equal(ada.Roles, []string{"auditor"}) || ada.Claims["plan"] != "gold" || ada.PasswordHash != bcrypt {
		t.Errorf("what the file does not speak of was changed, or the roles were not: %+v", ada)
	}
	if !im.user("bob").Disabled || !slices.Equal(im.ended, []string{"bob " + api.ReasonDisabled}) {
		t.Errorf("bob: %+v; ended: %v", im.user("bob"), im.ended)
	}
	im.want("again", im.csv(changed), userimport.Counts{Unchanged: 3})
	if im.ended != nil {
		t.Errorf("ended again: %v", im.ended)
	}
}

// An import that was stopped between disabling somebody and ending their
// sessions is completed by the next.
func TestUpdateEndsTheSessionsOfPeopleWhoAreDisabledAlready(t *testing.T) {
	im := newImporting(t)
	im.csv("userId,disabled\nada,true\n")
	im.session("ada")
	im.Update = true
	im.want("again", im.csv("userId,disabled\nada,true\n"), userimport.Counts{Unchanged: 1})
	if !slices.Equal(im.ended, []string{"ada " + api.ReasonDisabled}) {
		t.Errorf("ended: %v", im.ended)
	}
}

// Whoever becomes an administrator signs in anew: others may hold the session.
func TestUpdateEndsTheSessionsOfNewAdministrators(t *testing.T) {
	im := newImporting(t)
	im.csv("userId,roles\nada,ops\n")
	im.session("ada")
	im.Update = true
	im.want("promoted", im.csv("userId,roles\nada,ops admin\n"), userimport.Counts{Updated: 1})
	if !slices.Equal(im.ended, []string{"ada " + api.ReasonEndedByAdmin}) {
		t.Errorf("ended: %v", im.ended)
	}
	im.want("an administrator still", im.csv("userId,roles\nada,admin\n"), userimport.Counts{Updated: 1})
	if im.ended != nil {
		t.Errorf("ended again: %v", im.ended)
	}
}

// Nor do they keep a password that others may have set: they have the file's, or
// none. The same file, imported again, changes nothing.
func TestUpdateTakesThePasswordOfNewAdministrators(t *testing.T) {
	for _, c := range []struct {
		name, stored, file, want string
		promoted                 int
	}{
		{"set here, none in the file", ownHash, "", "", 1},
		{"imported, none in the file", bcrypt, "", "", 1},
		{"set here, another in the file", ownHash, django, django, 0},
		{"imported, and the same in the file", bcrypt, bcrypt, bcrypt, 0},
		{"none", "", "", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := newImporting(t)
			im.csv("userId,passwordHash\nada,\"" + c.stored + "\"\n")
			im.Update = true
			file := "userId,roles\nada,admin\n"
			if c.file != "" {
				file = "userId,roles,passwordHash\nada,admin,\"" + c.file + "\"\n"
			}
			im.want("promoted", im.csv(file), userimport.Counts{Updated: 1, Promoted: c.promoted})
			if got := im.user("ada"); got.PasswordHash != c.want || !got.IsAdmin() {
				t.Errorf("%+v, want the hash %q", got, c.want)
			}
			im.want("again", im.csv(file), userimport.Counts{Unchanged: 1})
		})
	}
}

// stopped is a store that fails when sessions are to be ended.
type stopped struct{ userimport.Store }

var errStopped = errors.New("stopped")

func (stopped) EndUser(context.Context, string, string, string, time.Time) (pawl.Mark, int, error) {
	return pawl.Mark{}, 0, errStopped
}

// An import that was stopped while it replaced a password is completed by the
// next.
func TestUpdateEndsTheSessionsOfReplacedPasswordsWheneverItStops(t *testing.T) {
	im := newImporting(t)
	im.csv("userId,passwordHash\nada," + bcrypt + "\n")
	im.session("ada")
	im.Update, im.Store = true, stopped{im.store}
	file := "userId,passwordHash\nada," + django + "\n"
	r, err := userimport.NewReader(strings.NewReader(file), userimport.Options{Format: userimport.CSV})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := im.Import(t.Context(), r); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	im.Store = im.store
	im.want("again", im.csv(file), userimport.Counts{Updated: 1})
	if im.user("ada").PasswordHash != django || !slices.Equal(im.ended, []string{"ada " + api.ReasonPasswordChanged}) {
		t.Errorf("ended: %v", im.ended)
	}
}

func TestUpdateNeverBringsAnOldPasswordBack(t *testing.T) {
	for _, c := range []struct {
		name, stored, file string
		overwrite          bool
		want               string
		kept               int
	}{
		{"imported, never used", bcrypt, django, false, django, 0},
		{"no password yet", "", django, false, django, 0},
		{"chosen or used here", ownHash, django, false, ownHash, 1},
		{"chosen or used here, to be overwritten", ownHash, django, true, django, 0},
		{"the file has none", bcrypt, "", false, bcrypt, 0},
		{"the file has none, to be overwritten", ownHash, "", true, ownHash, 0},
		{"the same", bcrypt, bcrypt, false, bcrypt, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := newImporting(t)
			if err := im.store.CreateUser(t.Context(), pawl.User{ID: "id", Login: "ada", PasswordHash: c.stored}); err != nil {
				t.Fatal(err)
			}
			im.session("ada")
			im.Update, im.OverwritePasswords = true, c.overwrite
			n := im.csv("userId,passwordHash\nada," + c.file + "\n")
			replaced := c.want != c.stored
			if got := im.user("ada").PasswordHash; got != c.want || n.Kept != c.kept || (n.Updated == 1) != replaced {
				t.Errorf("stored %q, %+v", got, n)
			}
			if (len(im.ended) == 1) != replaced {
				t.Errorf("ended: %v", im.ended)
			}
		})
	}
}

// A password that is changed at the very moment wins over the file.
func TestUpdateLosesAgainstAChangeAtTheSameMoment(t *testing.T) {
	im := newImporting(t)
	im.csv("userId,passwordHash\nada," + bcrypt + "\n")
	im.Update, im.Store = true, &hasty{im.store}
	im.want("hasty", im.csv("userId,passwordHash\nada,"+django+"\n"), userimport.Counts{Bad: 1})
	if got := im.user("ada").PasswordHash; got != ownHash || !strings.Contains(im.bad[0], "at the same moment") {
		t.Errorf("stored %q, %v", got, im.bad)
	}
}

// hasty changes a password between the import's look and its write.
type hasty struct{ *memory.Store }

func (h *hasty) SetPasswordHash(ctx context.Context, id, old, new string) error {
	if err := h.Store.SetPasswordHash(ctx, id, old, ownHash); err != nil {
		return err
	}
	return h.Store.SetPasswordHash(ctx, id, old, new)
}

// failing fails at the second batch.
type failing struct {
	*memory.Store
	batches int
}

var errFull = errors.New("the disk is full")

func (f *failing) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	if f.batches++; f.batches == 2 {
		return nil, errFull
	}
	return f.Store.CreateUsers(ctx, us)
}

func TestAnImportThatStopsCountsWhatItDidAndIsCompletedByTheNext(t *testing.T) {
	im := newImporting(t)
	var file strings.Builder
	file.WriteString("userId\n")
	for i := range 600 {
		fmt.Fprintf(&file, "user%d\n", i)
	}
	im.Store = &failing{Store: im.store}
	r, err := userimport.NewReader(strings.NewReader(file.String()), userimport.Options{Format: userimport.CSV})
	if err != nil {
		t.Fatal(err)
	}
	n, err := im.Import(t.Context(), r)
	if !errors.Is(err, errFull) || n.Added != 250 {
		t.Fatalf("%+v, %v", n, err)
	}
	im.Store = im.store
	im.want("completed", im.csv(file.String()), userimport.Counts{Added: 350, Unchanged: 250, NoPassword: 350})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ = userimport.NewReader(strings.NewReader(file.String()), userimport.Options{Format: userimport.CSV})
	if n, err := im.Import(ctx, r); !errors.Is(err, context.Canceled) || n.Lines != 0 {
		t.Errorf("cancelled: %+v, %v", n, err)
	}
}
