package password

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// SECURITY 41: whatever form a stored hash has, there is one that costs exactly
// the same and that no password matches.
func TestDecoysCostWhatTheHashCosts(t *testing.T) {
	phcs := []string{mustHash(t, cheapHasher(), "seven purple herons")}
	for _, c := range foreignVectors {
		phcs = append(phcs, c.phc)
	}
	for _, phc := range phcs {
		decoy, err := Decoy(phc)
		if err != nil {
			t.Fatal(err)
		}
		real, _ := parse(phc)
		fake, err := parse(decoy)
		if err != nil {
			t.Errorf("%s: the decoy %s is not supported: %v", phc, decoy, err)
			continue
		}
		if real.cost() != fake.cost() {
			t.Errorf("%s: a decoy of %+v costs %+v", phc, real.cost(), fake.cost())
		}
		if again, err := Decoy(decoy); again != decoy || err != nil {
			t.Errorf("the decoy of %s is %s, %v", decoy, again, err)
		}
		for _, part := range strings.FieldsFunc(phc, func(r rune) bool { return r == '$' })[1:] {
			if len(part) > 20 && strings.Contains(decoy, part) {
				t.Errorf("%s holds something of %s", decoy, phc)
			}
		}
	}
	if _, err := Decoy("{noop}password"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a decoy of what is not supported: %v", err)
	}
}

func TestDecoysTellTheKindsApart(t *testing.T) {
	for _, c := range []struct {
		name, one, other string
		same             bool
	}{
		{"another salt and hash", "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "$2b$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", true},
		{"another spelling", "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "$2y$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", true},
		{"another cost", "$2b$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "$2b$12$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", false},
		{"another function", "$pbkdf2-sha1$i=20000$EBESExQVFhcYGRobHB0eHw$cXM/OjL2O8ItT/EMBG9XsKhpEoI", "$pbkdf2-sha256$i=20000$EBESExQVFhcYGRobHB0eHw$cXM/OjL2O8ItT/EMBG9XsKhpEoI", false},
	} {
		one, oneErr := Decoy(c.one)
		other, otherErr := Decoy(c.other)
		if oneErr != nil || otherErr != nil || (one == other) != c.same {
			t.Errorf("%s: %s and %s, %v, %v", c.name, one, other, oneErr, otherErr)
		}
	}
}

// SECURITY 42: where a right password is refused all the same, it costs what a
// wrong one costs: Check makes no new hash.
func TestCheckCostsTheSameForARightPassword(t *testing.T) {
	for _, c := range foreignVectors {
		if hash, _ := parse(c.phc); !cheapToCheck(hash.cost()) {
			continue
		}
		h := cheapHasher()
		var work [2][]cost
		for i, pw := range []string{c.pw, c.pw + "?"} {
			h.computing = func(w cost) { work[i] = append(work[i], w) }
			if ok, err := h.Check(t.Context(), c.phc, pw); ok != (i == 0) || err != nil {
				t.Errorf("%s: %v, %v", c.name, ok, err)
			}
		}
		if !slices.Equal(work[0], work[1]) {
			t.Errorf("%s: the right password costs %v, a wrong one %v", c.name, work[0], work[1])
		}
	}
}
