package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// From the test suite of the reference implementation (phc-winner-argon2,
// src/test.c), as PHC strings. That of RFC 9106 has a secret and associated
// data, which this package does not use.
var argon2idVectors = []struct{ phc, pw string }{
	{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
	{"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
	{"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
}

// From the documentation of Spring Security, the test suite of crypt_blowfish
// (two) and libxcrypt (the rest).
var bcryptVectors = []struct{ phc, pw string }{
	{"$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "password"},
	{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
	{"$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
	{"$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.", "correct horse battery"},
	{"$2y$04$abcdefghijklmnopqrstuuZL/5Sv1kaFF.afvxpP38Co5n3QQCxna", "passw\u00f6rd123456"},
}

func TestKnownAnswers(t *testing.T) {
	h := cheapHasher()
	for _, c := range append(argon2idVectors, bcryptVectors...) {
		for _, phc := range spellings(c.phc) {
			if err := Recognised(phc); err != nil {
				t.Fatal(err)
			}
			if ok, _, err := h.Verify(t.Context(), phc, c.pw); !ok || err != nil {
				t.Errorf("%s: %v, %v", phc, ok, err)
			}
		}
		if ok, _, err := h.Verify(t.Context(), c.phc, c.pw+"?"); ok || err != nil {
			t.Errorf("%s, wrong password: %v, %v", c.phc, ok, err)
		}
	}
}

// bcryptOfLong is of 80 digits and "tail", by libxcrypt, which ignores what
// follows 72 bytes.
const bcryptOfLong = "$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S"

// spellings returns the ways in which systems write the same hash.
func spellings(phc string) []string {
	if strings.HasPrefix(phc, "$2a$05") {
		return []string{phc, "$2b" + phc[3:], "$2y" + phc[3:], "{bcrypt}" + phc, "{bcrypt}$2y" + phc[3:]}
	}
	if strings.HasPrefix(phc, "$2") {
		return []string{"{bcrypt}" + phc}
	}
	return []string{phc}
}

// A person whose long password was cut off by the old system signs in with it
// and from then on needs all of it.
func TestBcryptLongPasswordsAreComparedAsTheOldSystemDidAndThenUpgradedWhole(t *testing.T) {
	h := cheapHasher()
	first72 := strings.Repeat("0123456789", 8)[:72]
	whole := strings.Repeat("0123456789", 8) + "tail"

	ok, upgraded, err := h.Verify(t.Context(), bcryptOfLong, whole)
	if !ok || upgraded == "" || err != nil {
		t.Fatalf("the whole password: %v, %q, %v", ok, upgraded, err)
	}
	for _, c := range []struct {
		name, phc, pw string
		ok            bool
	}{
		{"before: first 72 bytes", bcryptOfLong, first72, true},
		{"before: first 71 bytes", bcryptOfLong, first72[:71], false},
		{"before: another byte within 72", bcryptOfLong, "x" + whole[1:], false},
		{"after: whole", upgraded, whole, true},
		{"after: first 72 bytes", upgraded, first72, false},
		{"after: another tail", upgraded, first72 + "another tail", false},
	} {
		if ok, _, err := h.Verify(t.Context(), c.phc, c.pw); ok != c.ok || err != nil {
			t.Errorf("%s: %v, %v", c.name, ok, err)
		}
	}
}

func TestRecognisedRefusesWhatIsNotStrictlyTheForm(t *testing.T) {
	const salt, tag = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	b64 := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	argon := func(params, salt, tag string) string {
		return fmt.Sprintf("$argon2id$v=19$%s$%s$%s", params, salt, tag)
	}
	const fine = "m=19456,t=2,p=1"
	bcrypt := bcryptVectors[0].phc
	for _, c := range []struct{ name, phc string }{
		{"empty", ""},
		{"plain text", "password"},
		{"noop", "{noop}password"},
		{"argon2d", "$argon2d$v=19$" + fine + "$" + salt + "$" + tag},
		{"upper case", strings.Replace(argon(fine, salt, tag), "argon2id", "Argon2id", 1)},
		{"space before", " " + argon(fine, salt, tag)},
		{"newline behind", argon(fine, salt, tag) + "\n"},
		{"newline within", argon(fine, salt[:4]+"\n"+salt[4:], tag)},
		{"version 16", "$argon2id$v=16$" + fine + "$" + salt + "$" + tag},
		{"no version", "$argon2id$" + fine + "$" + salt + "$" + tag},
		{"another order", argon("t=2,m=19456,p=1", salt, tag)},
		{"missing parameter", argon("m=19456,t=2", salt, tag)},
		{"further parameter", argon(fine+",keyid=a", salt, tag)},
		{"parameter twice", argon("m=19456,m=19456,t=2,p=1", salt, tag)},
		{"leading zero", argon("m=019456,t=2,p=1", salt, tag)},
		{"sign", argon("m=+19456,t=2,p=1", salt, tag)},
		{"space", argon("m=19456, t=2,p=1", salt, tag)},
		{"no number", argon("m=,t=2,p=1", salt, tag)},
		{"padded", argon(fine, salt+"=", tag)},
		{"URL alphabet", argon(fine, salt, strings.ReplaceAll(tag, "/", "_"))},
		{"trailing bits", argon(fine, "c29tZXNhbHR", tag)},
		{"no tag", "$argon2id$v=19$" + fine + "$" + salt},
		{"further field", argon(fine, salt, tag) + "$"},
		{"salt too short", argon(fine, b64(minSalt-1), tag)},
		{"salt too long", argon(fine, b64(maxSalt+1), tag)},
		{"tag too short", argon(fine, salt, b64(minTag-1))},
		{"tag too long", argon(fine, salt, b64(maxTag+1))},
		{"no threads", argon("m=19456,t=2,p=0", salt, tag)},
		{"threads above the cap", argon("m=19456,t=2,p=17", salt, tag)},
		{"threads above a byte", argon("m=19456,t=2,p=257", salt, tag)},
		{"memory below 8 a thread", argon("m=15,t=2,p=2", salt, tag)},
		{"memory above the cap", argon("m=131073,t=2,p=1", salt, tag)},
		{"memory above 32 bits", argon("m=4294967304,t=2,p=1", salt, tag)},
		{"no passes", argon("m=19456,t=0,p=1", salt, tag)},
		{"passes above the cap", argon("m=8,t=65,p=1", salt, tag)},
		{"work above the cap", argon("m=131072,t=9,p=1", salt, tag)},
		{"huge", argon(fine, strings.Repeat("A", 1<<20), tag)},
		{"bcrypt x", "$2x" + bcrypt[3:]},
		{"bcrypt without a letter", "$2" + bcrypt[3:]},
		{"bcrypt cost 03", strings.Replace(bcrypt, "$10$", "$03$", 1)},
		{"bcrypt cost 16", strings.Replace(bcrypt, "$10$", "$16$", 1)},
		{"bcrypt cost 31", strings.Replace(bcrypt, "$10$", "$31$", 1)},
		{"bcrypt cost of one digit", strings.Replace(bcrypt, "$10$", "$9$", 1)},
		{"bcrypt cost of no digits", strings.Replace(bcrypt, "$10$", "$+9$", 1)},
		{"bcrypt too short", bcrypt[:59]},
		{"bcrypt too long", bcrypt + "."},
		{"bcrypt alphabet", bcrypt[:30] + "+" + bcrypt[31:]},
		{"Spring's prefix twice", "{bcrypt}{bcrypt}" + bcrypt},
		{"Spring's prefix in capitals", "{BCRYPT}" + bcrypt},
		{"Spring's prefix on Argon2", "{bcrypt}" + argon(fine, salt, tag)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Recognised(c.phc); !errors.Is(err, ErrUnsupported) {
				t.Errorf("Recognised = %v, want ErrUnsupported", err)
			}
		})
	}
}

func TestRecognisedAcceptsWhatOtherSystemsStore(t *testing.T) {
	b64 := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct{ name, phc string }{
		{"argon2-cffi, PHP", "$argon2id$v=19$m=65536,t=4,p=1$" + b64(16) + "$" + b64(32)},
		{"argon2-cffi, RFC 9106's second choice", "$argon2id$v=19$m=65536,t=3,p=4$" + b64(16) + "$" + b64(32)},
		{"Django", "$argon2id$v=19$m=102400,t=2,p=8$" + b64(22) + "$" + b64(32)},
		{"Spring", "$argon2id$v=19$m=16384,t=2,p=1$" + b64(16) + "$" + b64(32)},
		{"the bounds", "$argon2id$v=19$m=131072,t=8,p=16$" + b64(maxSalt) + "$" + b64(maxTag)},
		{"the other bounds", "$argon2id$v=19$m=8,t=64,p=1$" + b64(minSalt) + "$" + b64(minTag)},
		{"bcrypt 4", "$2b$04" + bcryptVectors[0].phc[6:]},
		{"bcrypt 15", "{bcrypt}$2y$15" + bcryptVectors[0].phc[6:]},
	} {
		if err := Recognised(c.phc); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPHCFormatThenParseIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := argon2idHash{
			params: rapid.Custom(func(t *rapid.T) Params {
				return Params{
					Memory:  rapid.Uint32Range(8, maxMemory).Draw(t, "memory"),
					Time:    rapid.Uint32Range(1, maxTime).Draw(t, "time"),
					Threads: rapid.Uint8Range(1, maxThreads).Draw(t, "threads"),
				}
			}).Filter(func(p Params) bool { return p.bounded() == nil }).Draw(t, "params"),
			salt: rapid.SliceOfN(rapid.Byte(), minSalt, maxSalt).Draw(t, "salt"),
			tag:  rapid.SliceOfN(rapid.Byte(), minTag, maxTag).Draw(t, "tag"),
		}
		got, err := parse(want.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stored(want), got, cmp.AllowUnexported(argon2idHash{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzPHCParseThenFormatIsIdentity(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, s string) {
		hash, _ := parse(s)
		if hash, ok := hash.(argon2idHash); ok && hash.String() != s[max(strings.Index(s, "$argon2id"), 0):] {
			t.Errorf("%q became %q", s, hash)
		}
	})
}

func FuzzPHCAcceptedIsWithinBounds(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, s string) {
		hash, err := parse(s)
		if err != nil {
			return
		}
		switch c := hash.cost(); c.scheme {
		case schemeArgon2id, schemeArgon2i:
			if c.memory > 128*1024 || uint64(c.memory)*uint64(c.rounds) > 1<<20 || c.threads > 16 || len(s) > 256 {
				t.Errorf("%q costs %+v", s, c)
			}
		case schemeBcrypt:
			if c.rounds > 15 || len(s) > 74 {
				t.Errorf("%q costs %+v", s, c)
			}
		case schemeScrypt:
			h := hash.(scryptHash)
			if c.memory > 129*1024 || uint64(h.r)<<h.ln*uint64(h.p) > 3<<19 || c.memory < h.r<<h.ln/8 {
				t.Errorf("%q costs %+v", s, c)
			}
		case schemePBKDF2:
			if h := hash.(pbkdf2Hash); c.rounds > 3_000_000 || h.prf == prfSHA512 && c.rounds > 900_000 || len(h.tag) > h.prf.new()().Size() {
				t.Errorf("%q costs %+v", s, c)
			}
		default:
			t.Errorf("%q is of scheme %q", s, c.scheme)
		}
	})
}

// Whatever Recognised accepts, Verify can check without an error; the work is
// done only where it is small.
func FuzzPHCRecognisedCanBeVerified(f *testing.F) {
	seed(f)
	h := cheapHasher()
	f.Fuzz(func(t *testing.T, s string) {
		if err := Recognised(s); err != nil {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("Recognised(%q) = %v", s, err)
			}
			return
		}
		hash, _ := parse(s)
		if c := hash.cost(); c.scheme == schemeBcrypt && c.rounds > 5 || c.scheme != schemeBcrypt && uint64(c.memory)*uint64(c.rounds) > 1024 {
			return
		}
		if _, _, err := h.Verify(t.Context(), s, "password"); err != nil {
			t.Errorf("Verify(%q): %v", s, err)
		}
	})
}

func seed(f *testing.F) {
	for _, v := range append(argon2idVectors, bcryptVectors...) {
		f.Add(v.phc)
		f.Add("{bcrypt}" + v.phc)
		f.Add(strings.Replace(v.phc, "m=256", "m=8", 1))
		f.Add(strings.Replace(v.phc, "m=256", "m=4294967295", 1))
	}
	for _, v := range foreignVectors {
		f.Add(v.phc)
	}
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$$$$$")
	f.Add("$2a$")
}
