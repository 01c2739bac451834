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
		return KeyRecord{ID: id, Algorithm: token.ES256, SignsFrom: at(signsFrom), Life: 30 * time.Minute}
	}
	living := func(k KeyRecord, min int) KeyRecord { k.Life = time.Duration(min) * time.Minute; return k }

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
		{"another algorithm was configured", []KeyRecord{{ID: "a", Algorithm: token.RS256, SignsFrom: at(0), Life: 30 * time.Minute}}, 20, keyPlan{signing: "a", add: true, signsAt: at(30)}},
		{"tokens live longer now: a key remembers it", []KeyRecord{living(key("a", 0), 20)}, 5, keyPlan{signing: "a", add: true, signsAt: at(15)}},
		{"tokens lived longer: kept while one of them may live", []KeyRecord{living(key("a", 0), 60), key("b", 50)}, 111, keyPlan{signing: "b"}},
		{"and dropped after", []KeyRecord{living(key("a", 0), 60), key("b", 50)}, 112, keyPlan{signing: "b", drop: []string{"a"}}},
		{"a key set has a limit: no more than 32 in the life of a token", []KeyRecord{living(key("a", 0), 6400)}, 190, keyPlan{signing: "a"}},
		{"and no fewer", []KeyRecord{living(key("a", 0), 6400)}, 191, keyPlan{signing: "a", add: true, signsAt: at(201)}},
		{"another algorithm was configured, a key waits for its turn", []KeyRecord{{ID: "a", Algorithm: token.RS256, Life: 30 * time.Minute, SignsFrom: at(0)}, {ID: "b", Algorithm: token.RS256, Life: 30 * time.Minute, SignsFrom: at(30)}}, 20, keyPlan{signing: "a"}},
		{"a key of a clock that was ahead, passed over: the one before it dies by the one behind it", []KeyRecord{key("a", 0), key("b", 9000), key("c", 50)}, 82, keyPlan{signing: "c", drop: []string{"a", "b"}}},
		{"a full set gets no key more, whatever is due", many(maxKeys, token.RS256), 20, keyPlan{signing: "k47"}},
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

// many is n keys, of which the newest signs.
func many(n int, alg string) (recs []KeyRecord) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		recs = append(recs, KeyRecord{ID: fmt.Sprint("k", i), Algorithm: alg, SignsFrom: start.Add(time.Duration(i) * time.Second), Life: 30 * time.Minute})
	}
	return recs
}

// Keys that turn far faster than their tokens die stay within the limit of a
// key set, at which no key could be loaded any more.
func TestKeysStayWithinTheLimitOfAKeySet(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pol, err := KeyPolicy{Every: time.Hour}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	life := 90 * 24 * time.Hour
	var recs []KeyRecord
	most := 0
	for now := start; now.Before(start.Add(2 * life)); now = now.Add(10 * time.Minute) {
		plan := planKeys(recs, now, pol, token.HS256, life)
		recs = slices.DeleteFunc(recs, func(r KeyRecord) bool { return slices.Contains(plan.drop, r.ID) })
		if plan.add {
			recs = append(recs, KeyRecord{ID: now.String(), Algorithm: token.HS256, SignsFrom: plan.signsAt, Life: life})
		}
		most = max(most, len(recs))
	}
	if most < 30 || most > 40 { // of 64
		t.Errorf("%d keys at once", most)
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
