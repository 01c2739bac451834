package password

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// codeOf returns the code of a refusal, or "" for an accepted password.
func codeOf(t testing.TB, err error) Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *PolicyError
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is not a *PolicyError", err)
	}
	return refusal.Code
}

func TestSecurity38LengthIsTheOnlyRuleOfForm(t *testing.T) {
	words := "plum harbour quartz minus velvet tractor onion glacier umbrella fjord "
	long := func(n int) string { return strings.Repeat(words, 20)[:n] }
	unlike := "кот шёл мимо высокой стены и нашёл рыбу на пороге дома"
	for _, c := range []struct {
		name   string
		policy Policy
		pw     string
		want   Code
	}{
		{"11 characters", Policy{}, long(11), CodeTooShort},
		{"12 characters", Policy{}, long(12), ""},
		{"64 characters", Policy{}, long(64), ""},
		{"256 characters", Policy{}, words + strings.Repeat("z", 256-len(words)), ""},
		{"257 characters", Policy{}, words + strings.Repeat("z", 257-len(words)), CodeTooLong},
		{"characters are code points: 12 of them in 36 bytes", Policy{}, "漢字仮名交文化学習者達", CodeTooShort},
		{"12 code points", Policy{}, "漢字仮名交文化学習者達人", ""},
		{"lower case only", Policy{}, "plumharbourquartz", ""},
		{"digits only", Policy{}, "80193652740918", ""},
		{"no digits, no marks", Policy{}, "Plum Harbour Quartz", ""},
		{"spaces", Policy{}, "plum harbour quartz", ""},
		{"Cyrillic", Policy{}, unlike, ""},
		{"emoji", Policy{}, "🦊🌵🎻🚲🧊🥝🪁🐙🧵🎲🦉🍄", ""},
		{"not UTF-8", Policy{}, "plum harbour \xff quartz", CodeNotText},
		{"empty", Policy{}, "", CodeTooShort},
		{"own minimum", Policy{Min: 15}, long(14), CodeTooShort},
		{"minimum below 8 is 8", Policy{Min: 1}, "k7#Qz!m", CodeTooShort},
		{"minimum 8", Policy{Min: 8}, "k7#Qz!mw", ""},
		{"maximum below 64 is 64", Policy{Max: 20}, long(64), ""},
		{"and no more", Policy{Max: 20}, long(65), CodeTooLong},
		{"maximum above 1024 is 1024", Policy{Max: 1 << 20}, long(1025), CodeTooLong},
		{"minimum above the maximum is the maximum", Policy{Min: 5000, Max: 100}, words + strings.Repeat("z", 100-len(words)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := codeOf(t, c.policy.Check(c.pw)); got != c.want {
				t.Errorf("Check = %q, want %q", got, c.want)
			}
		})
	}
}

func TestSecurity38CommonAndContextPasswordsAreRefused(t *testing.T) {
	context := []string{"Alice.Smith@example.com", "Pawl", "Ann-Lise Bo"}
	for _, c := range []struct {
		want Code
		pws  []string
	}{
		{CodeCommon, []string{
			"businessbabe", "ChickenWing101", "59382113kevinp",
			"password1234", "Password2024", "PASSWORD!!!!", "1234password", "!!monkey2024", "Summer2024!!",
			"p@ssw0rd2024", "p@ssw0rd123456", "P4$$w0rdPassword", "Passw0rd!!!!", "monkey12monkey34", "football-2024",
			"iloveyou2024", "dragon98dragon", "Starwars#2025",
		}},
		{CodeContext, []string{
			"alice.smith@example.com", "ALICE.SMITH@EXAMPLE.COM", "alicesmith2024", "smithalice2024", "Alice-Smith!", "alicealice12",
			"pawlpawlpawl", "PawlPawl2024", "Pawl!Pawl!Pawl!", "pawl1pawl2pawl3pawl4", "pawlpassword1", "example.com2024", "htimsecila99",
			"@l1c3sm1th99", "annlisebo123", "lwaplwaplwap",
		}},
		{CodePredictable, []string{
			"aaaaaaaaaaaa", "            ", "............", "ababababababab", "abcabcabcabc", "xyxzxyxzxyxzxy",
			"123456789012", "012345678901", "987654321098", "abcdefghijkl", "zyxwvutsrqpo", "ABCDEFGHIJKLM",
			"ccccddddeeee", "hhh444kkk999", "уууууууууууу", "漢漢漢漢漢漢漢漢漢漢漢漢",
		}},
		{"", []string{
			"correct horse battery staple", "correcthorsebatterystaple", "plumharbourquartz",
			"kT9#mQ2$vL5&", "J7xqVbn2Lw0e", "839201746520", "sunset#k2Pz9", "monkey plum harbour",
			"a password of mine is long", "alice likes quartz", "my pawl has seven legs",
			"xK9#mQ2$xK9#mQ2$", "Zürich im Nebel", "не скажу тебе",
		}},
	} {
		for _, pw := range c.pws {
			if got := codeOf(t, Policy{}.Check(pw, context...)); got != c.want {
				t.Errorf("Check(%q) = %q, want %q", pw, got, c.want)
			}
		}
	}
}

func TestSecurity38KeyboardWalksAreRefusedForAnyReason(t *testing.T) {
	for _, pw := range []string{
		"qwertyuiopas", "QWERTYuiop12", "asdfghjklqwe", "poiuytrewq12", "1qaz2wsx3edc", "1q2w3e4r5t6y", "qazwsxedcrfv",
		"azertyuiopqs", "zxcvbnmasdfg", "!@#$%^&*()!@", "qweasdzxc123", "1234qwer!@#$", "qwertzuiopyxcv", "abcd1234abcd1234", "aaaabbbbcccc", "aaa111bbb222",
	} {
		if err := (Policy{}).Check(pw); err == nil {
			t.Errorf("%q is accepted", pw)
		}
	}
}

func TestSecurity38TheWholeListIsRefusedAtAnyLengthAndPadding(t *testing.T) {
	policy := Policy{Min: 8}
	for i, pw := range commonPasswords() {
		if i%7 != 0 && len(pw) < 12 {
			continue
		}
		for _, padded := range []string{pw, strings.ToUpper(pw), pw + "2024!", "!!" + pw + "99"} {
			if policy.Check(padded) == nil {
				t.Errorf("%q is accepted", padded)
			}
		}
	}
}

func TestListOfCommonPasswords(t *testing.T) {
	list := commonPasswords()
	if len(list) != 30_000 || !slices.IsSorted(list) || len(commonList) > 200<<10 {
		t.Errorf("%d entries, sorted %v, %d bytes", len(list), slices.IsSorted(list), len(commonList))
	}
	for _, pw := range list {
		if len(pw) < shortestWord || pw != strings.ToLower(pw) || strings.ContainsAny(pw, "\r\n\t") {
			t.Errorf("entry %q", pw)
		}
	}
}

func TestBlockedSeesOnlyWhatPassesEverythingElse(t *testing.T) {
	var seen []string
	policy := Policy{Blocked: func(pw string) bool { seen = append(seen, pw); return pw == "Plum Harbour Quartz" }}
	for pw, want := range map[string]Code{
		"Plum Harbour Quartz":  CodeBlocked,
		"Plum Harbour Quartz!": "",
		"password1234":         CodeCommon,
		"short":                CodeTooShort,
	} {
		if got := codeOf(t, policy.Check(pw)); got != want {
			t.Errorf("Check(%q) = %q, want %q", pw, got, want)
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"Plum Harbour Quartz", "Plum Harbour Quartz!"}) {
		t.Errorf("Blocked saw %q", seen)
	}
}

func TestRefusalsSayWhatToDoAndDoNotQuoteThePassword(t *testing.T) {
	for _, pw := range []string{"canary", "canarycanary", "canary2024!!", "canary\xffcanary", "aaaaaaaaaaaacanary"[:12], strings.Repeat("canary of mine ", 40)} {
		err := Policy{Blocked: func(string) bool { return true }}.Check(pw, "canary")
		if err == nil {
			t.Errorf("%q is accepted", pw)
			continue
		}
		m := err.Error()
		if strings.Contains(m, "canary") || !strings.HasPrefix(m, "This password ") || !strings.HasSuffix(m, ".") || strings.Count(m, ".") < 2 {
			t.Errorf("message %q", m)
		}
	}
}

func TestPolicyNeverAcceptsWhatHashRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := Policy{Min: rapid.IntRange(-5, 3000).Draw(t, "min"), Max: rapid.IntRange(-5, 3000).Draw(t, "max")}
		least, most := policy.Bounds()
		if least < 8 || most < 64 || least > most || most*utf8.UTFMax > MaxBytes {
			t.Fatalf("bounds are %d and %d", least, most)
		}
	})
}

// Random passwords, as managers make them, are not refused by accident.
func TestRandomPasswordsAreAccepted(t *testing.T) {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
	rng := rand.New(rand.NewPCG(1, 2)) // the same ones every time
	for range 5000 {
		pw := make([]byte, 12)
		for i := range pw {
			pw[i] = alphabet[rng.IntN(len(alphabet))]
		}
		if err := (Policy{}).Check(string(pw), "alice@example.com", "Pawl"); err != nil {
			t.Errorf("%s: %v", pw, err)
		}
	}
}

func FuzzPolicyCheckAcceptsOnlyTextWithinBounds(f *testing.F) {
	f.Add("correct horse battery", "alice@example.com")
	f.Add("ülülülülülül", "ü")
	f.Add("\xff\xfe", "\xff")
	f.Add(strings.Repeat("ab", 300), "")
	f.Fuzz(func(t *testing.T, pw, context string) {
		err := Policy{}.Check(pw, context)
		if n := utf8.RuneCountInString(pw); err == nil && (n < 12 || n > 256 || !utf8.ValidString(pw)) {
			t.Errorf("%q is accepted", pw)
		}
		if err != nil && codeOf(t, err) == "" {
			t.Errorf("%q is refused without a code", pw)
		}
	})
}
