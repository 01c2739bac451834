package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// cheap parameters keep the suite quick; only New insists on stronger ones.
var cheap = Params{Memory: 64, Time: 1, Threads: 1}

func cheapHasher() *Hasher { return newHasher(Options{Params: cheap, Concurrency: 2}) }

// record makes h report its computations to the returned function.
func record(h *Hasher) (computed func() []cost) {
	var mu sync.Mutex
	var costs []cost
	h.computing = func(c cost) {
		mu.Lock()
		defer mu.Unlock()
		costs = append(costs, c)
	}
	return func() []cost {
		mu.Lock()
		defer mu.Unlock()
		return costs
	}
}

func mustHash(t testing.TB, h *Hasher, pw string) string {
	t.Helper()
	phc, err := h.Hash(context.Background(), pw)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func TestSecurity38PasswordsAreVerifiedExactlyAsReceived(t *testing.T) {
	h := cheapHasher()
	composed, decomposed := "caf\u00e9 au lait!", "cafe\u0301 au lait!"
	for _, c := range []struct {
		name, stored, given string
		ok                  bool
	}{
		{"the same", "correct horse battery", "correct horse battery", true},
		{"another case", "correct horse battery", "Correct horse battery", false},
		{"a space before", "correct horse battery", " correct horse battery", false},
		{"a space behind", "correct horse battery", "correct horse battery ", false},
		{"a newline behind", "correct horse battery", "correct horse battery\n", false},
		{"the spaces that were chosen", "  correct horse  ", "  correct horse  ", true},
		{"a prefix", "correct horse battery", "correct horse", false},
		{"nothing", "correct horse battery", "", false},
		{"composed", composed, composed, true},
		{"composed and decomposed", composed, decomposed, false},
		{"beyond a NUL", "correct\x00horse", "correct\x00house", false},
		{"bytes that are no text", "\xff\xfe\xfd", "\xff\xfe\xfd", true},
		{"64 characters", strings.Repeat("é☃𝄞x", 16), strings.Repeat("é☃𝄞x", 16), true},
		{"the longest", strings.Repeat("x", MaxBytes), strings.Repeat("x", MaxBytes), true},
		{"the longest, last byte", strings.Repeat("x", MaxBytes), strings.Repeat("x", MaxBytes-1) + "y", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, upgraded, err := h.Verify(t.Context(), mustHash(t, h, c.stored), c.given)
			if ok != c.ok || upgraded != "" || err != nil {
				t.Errorf("Verify = %v, %q, %v; want %v and no upgrade", ok, upgraded, err, c.ok)
			}
		})
	}
}

func TestSecurity38HugePasswordsCostNothingWhoeverTheUserIs(t *testing.T) {
	h := cheapHasher()
	known := mustHash(t, h, "correct horse battery")
	computed := record(h)
	huge := strings.Repeat("x", MaxBytes+1)

	if _, err := h.Hash(t.Context(), huge); !errors.Is(err, ErrTooLong) {
		t.Errorf("Hash: %v, want ErrTooLong", err)
	}
	for _, phc := range []string{"", known, "{bcrypt}" + bcryptVectors[0].phc, "garbage"} {
		if ok, upgraded, err := h.Verify(t.Context(), phc, huge); ok || upgraded != "" || err != nil {
			t.Errorf("Verify(%q) = %v, %q, %v", phc, ok, upgraded, err)
		}
	}
	if got := computed(); len(got) != 0 {
		t.Errorf("computed %v, want nothing", got)
	}
}

func TestSecurity39DefaultsAreTheFloor(t *testing.T) {
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	phc := mustHash(t, h, "correct horse battery")
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %s", phc)
	}
	if ok, upgraded, err := h.Verify(t.Context(), phc, "correct horse battery"); !ok || upgraded != "" || err != nil {
		t.Errorf("Verify = %v, %q, %v", ok, upgraded, err)
	}
}

func TestSecurity39OptionsOutOfBoundsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		accept  bool
	}{
		{"zero", Options{}, true},
		{"floor", Options{Params: Params{19456, 2, 1}}, true},
		{"stronger", Options{Params: Params{65536, 3, 4}}, true},
		{"less memory", Options{Params: Params{19455, 2, 1}}, false},
		{"fewer passes, more memory", Options{Params: Params{47104, 1, 1}}, false},
		{"no threads", Options{Params: Params{19456, 2, 0}}, false},
		{"too much memory", Options{Params: Params{maxMemory + 1, 2, 1}}, false},
		{"too many passes", Options{Params: Params{19456, maxTime + 1, 1}}, false},
		{"too much work", Options{Params: Params{maxMemory, 9, 1}}, false},
		{"too many threads", Options{Params: Params{19456, 2, maxThreads + 1}}, false},
		{"negative concurrency", Options{Concurrency: -1}, false},
		{"negative wait", Options{Wait: -1}, false},
		{"negative queue", Options{Queue: -1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if h, err := New(c.options); (err == nil) != c.accept || (h == nil) == c.accept {
				t.Errorf("New = %v, %v", h, err)
			}
		})
	}
}

func TestSecurity39HashesAreUpgradedAtTheNextSuccess(t *testing.T) {
	h := cheapHasher()
	const pw = "correct horse battery"
	older := func(p Params) string { return newArgon2id(p, pw).String() }
	resized := func(salt, tag int) string {
		hash := argon2idHash{params: cheap, salt: random(salt)}
		hash.tag = hash.derive(pw, tag)
		return hash.String()
	}
	for _, c := range []struct {
		name, phc string
		upgrade   bool
	}{
		{"current", older(cheap), false},
		{"current with a longer salt", resized(32, 32), false},
		{"less memory", older(Params{32, 1, 1}), true},
		{"more memory", older(Params{128, 1, 1}), true},
		{"more passes", older(Params{64, 2, 1}), true},
		{"more threads", older(Params{64, 1, 2}), true},
		{"a shorter salt", resized(8, 32), true},
		{"a shorter tag", resized(16, 16), true},
		{"bcrypt", "$2a$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ok, upgraded, err := h.Verify(t.Context(), c.phc, "wrong horse battery"); ok || upgraded != "" || err != nil {
				t.Fatalf("wrong password: %v, %q, %v", ok, upgraded, err)
			}
			ok, upgraded, err := h.Verify(t.Context(), c.phc, pw)
			if !ok || err != nil || (upgraded != "") != c.upgrade {
				t.Fatalf("Verify = %v, %q, %v; want an upgrade: %v", ok, upgraded, err, c.upgrade)
			}
			if !c.upgrade {
				return
			}
			if ok, again, err := h.Verify(t.Context(), upgraded, pw); !ok || again != "" || err != nil {
				t.Errorf("upgraded hash: %v, %q, %v", ok, again, err)
			}
		})
	}
}

func TestSecurity39EveryHashHasItsOwnSalt(t *testing.T) {
	h := cheapHasher()
	if a, b := mustHash(t, h, "same"), mustHash(t, h, "same"); a == b {
		t.Errorf("two hashes are equal: %s", a)
	}
}

func TestUpgradeIsLeftOutWhenTheCallerHasGone(t *testing.T) {
	h := cheapHasher()
	ctx, cancel := context.WithCancel(t.Context())
	h.computing = func(cost) { cancel() }
	old := newArgon2id(Params{32, 1, 1}, "pw").String()
	if ok, upgraded, err := h.Verify(ctx, old, "pw"); !ok || upgraded != "" || err != nil {
		t.Errorf("Verify = %v, %q, %v", ok, upgraded, err)
	}
}

// Counts the work instead of timing it: what is computed for somebody unknown
// is what is computed for a wrong password.
func TestSecurity41UnknownUsersCostTheSame(t *testing.T) {
	h := cheapHasher()
	known := mustHash(t, h, "correct horse battery")
	one := cheap.cost()
	for _, c := range []struct {
		name, phc, pw string
		err           error
		want          []cost
	}{
		{"known, wrong password", known, "wrong", nil, []cost{one}},
		{"known, right password", known, "correct horse battery", nil, []cost{one}},
		{"unknown", "", "wrong", nil, []cost{one}},
		{"unknown, empty password", "", "", nil, []cost{one}},
		{"unknown form", "{noop}wrong", "wrong", ErrUnsupported, []cost{one}},
		{"out of bounds", strings.Replace(known, "m=64", "m=4194304", 1), "wrong", ErrUnsupported, []cost{one}},
	} {
		t.Run(c.name, func(t *testing.T) {
			computed := record(h)
			ok, upgraded, err := h.Verify(t.Context(), c.phc, c.pw)
			if !errors.Is(err, c.err) || upgraded != "" || ok != (c.pw == "correct horse battery") {
				t.Errorf("Verify = %v, %q, %v", ok, upgraded, err)
			}
			if got := computed(); len(got) != 1 || got[0] != c.want[0] {
				t.Errorf("computed %v, want %v", got, c.want)
			}
		})
	}
}

func TestSecurity41NoPasswordMatchesTheDummy(t *testing.T) {
	h := cheapHasher()
	h.dummy = newArgon2id(cheap, "found out") // as if somebody had
	for _, phc := range []string{"", "garbage"} {
		if ok, upgraded, _ := h.Verify(t.Context(), phc, "found out"); ok || upgraded != "" {
			t.Errorf("Verify(%q) = %v, %q", phc, ok, upgraded)
		}
	}
}

func TestSecurity56ErrorsDoNotQuoteHashOrPassword(t *testing.T) {
	h := cheapHasher()
	for _, phc := range []string{
		"canary-hash",
		"$argon2id$v=19$m=canary,t=2,p=1$Y2FuYXJ5$Y2FuYXJ5",
		"$argon2id$v=19$m=19456,t=2,p=1$canary$canary",
		"$2b$10$canary",
		"$2b$ca$" + strings.Repeat("canary", 9)[:53],
	} {
		_, _, err := h.Verify(t.Context(), phc, "canary")
		if !errors.Is(err, ErrUnsupported) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Y2Fu") {
			t.Errorf("Verify: %v", err)
		}
	}
}

func TestDefaultQueueHoldsThoseWhoCanBeServedInTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		want    int
	}{
		{"defaults on two cores", Options{Concurrency: 2}, 174},
		{"one core", Options{Concurrency: 1}, 87},
		{"little patience", Options{Concurrency: 2, Wait: 10 * time.Millisecond}, 16},
		{"a large machine", Options{Concurrency: 128}, 4096},
	} {
		if got := c.options.withDefaults().Queue; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
