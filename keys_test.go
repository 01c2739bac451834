package pawl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl/token"
)

// SECURITY 17: published before signing, kept until the last token that it
// signed is dead. Times are minutes; tokens live 30.
func TestKeySchedule(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(min int) time.Time { return start.Add(time.Duration(min) * time.Minute) }
	pol := KeyPolicy{Every: 100 * time.Minute, Publish: 10 * time.Minute, Reload: time.Minute}
	key := func(id string, signsFrom int) KeyRecord {
		return KeyRecord{ID: id, Algorithm: token.ES256, SignsFrom: at(signsFrom)}
	}

	for _, c := range []struct {
		name string
		keys []KeyRecord
		now  int
		want keyPlan
	}{
		{"the first key signs at once", nil, 0, keyPlan{add: true, signsAt: at(0)}},
		{"young", []KeyRecord{key("a", 0)}, 90, keyPlan{signing: "a"}},
		{"the next is published ahead", []KeyRecord{key("a", 0)}, 91, keyPlan{signing: "a", add: true, signsAt: at(101)}},
		{"published, does not sign yet", []KeyRecord{key("a", 0), key("b", 101)}, 100, keyPlan{signing: "a"}},
		{"the turn", []KeyRecord{key("a", 0), key("b", 101)}, 101, keyPlan{signing: "b"}},
		{"kept while a token it signed may live, and a node may lag a reload", []KeyRecord{key("a", 0), key("b", 101)}, 132, keyPlan{signing: "b"}},
		{"dropped after", []KeyRecord{key("a", 0), key("b", 101)}, 133, keyPlan{signing: "b", drop: []string{"a"}}},
		{"several dead ones", []KeyRecord{key("a", 0), key("b", 101), key("c", 202)}, 260, keyPlan{signing: "c", drop: []string{"a", "b"}}},
		{"asleep for long: the old key signs until the new one is known", []KeyRecord{key("a", 0)}, 5000, keyPlan{signing: "a", add: true, signsAt: at(5010)}},
		{"another algorithm was configured", []KeyRecord{{ID: "a", Algorithm: token.RS256, SignsFrom: at(0)}}, 20, keyPlan{signing: "a", add: true, signsAt: at(30)}},
		{"none may sign yet: the oldest does", []KeyRecord{key("a", 10), key("b", 20)}, 5, keyPlan{signing: "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := planKeys(c.keys, at(c.now), pol, token.ES256, 30*time.Minute)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(keyPlan{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// SECURITY 20: keys at rest open under their master key only, in their place only.
func TestSealedKeys(t *testing.T) {
	master := NewMasterKey()
	for _, alg := range []string{token.ES256, token.Ed25519, token.HS256} {
		k, err := token.GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		r := KeyRecord{ID: k.ID(), Use: UseAccess, Algorithm: alg}
		if r.Sealed, err = master.seal(k, r); err != nil {
			t.Fatal(err)
		}
		if opened, err := master.open(r); err != nil || opened.ID() != k.ID() {
			t.Errorf("%s: opened %v, %v", alg, opened, err)
		}
		private, _ := k.MarshalPrivate()
		if strings.Contains(string(r.Sealed), string(private)) {
			t.Errorf("%s: the private key stands in the sealed record", alg)
		}
		moved, flipped := r, r
		moved.Use = UseRefresh
		flipped.Sealed = slices.Clone(r.Sealed)
		flipped.Sealed[len(flipped.Sealed)-1] ^= 1
		for name, bad := range map[string]func() (*token.Key, error){
			"another master key": func() (*token.Key, error) { return NewMasterKey().open(r) },
			"another use":        func() (*token.Key, error) { return master.open(moved) },
			"a flipped bit":      func() (*token.Key, error) { return master.open(flipped) },
		} {
			if _, err := bad(); !errors.Is(err, ErrMasterKey) {
				t.Errorf("%s, %s: %v, want ErrMasterKey", alg, name, err)
			}
		}
	}
}

func TestMasterKeyText(t *testing.T) {
	k := NewMasterKey()
	back, err := ParseMasterKey(k.Text() + "\n")
	if err != nil || back != k {
		t.Errorf("round trip: %v", err)
	}
	for _, bad := range []string{"", "short", k.Text() + "AA", strings.Repeat("!", 43), k.Text()[:42]} {
		if _, err := ParseMasterKey(bad); err == nil {
			t.Errorf("accepted %d characters", len(bad))
		}
	}
	for _, printed := range []string{fmt.Sprint(k), fmt.Sprintf("%#v", k), fmt.Sprintf("%+v", k), k.LogValue().String()} {
		if printed != "[master key]" {
			t.Errorf("SECURITY 56: a master key prints as %q", printed)
		}
	}
}
