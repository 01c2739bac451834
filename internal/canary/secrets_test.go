package canary

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ledger knows the secrets, and what was written.
type ledger struct {
	t       *testing.T
	mu      sync.Mutex
	secrets map[string]string // value → what it is
	wrote   []output
}

type output struct{ where, text string }

func newLedger(t *testing.T) *ledger { return &ledger{t: t, secrets: map[string]string{}} }

// secret notes a value that must not be written, and gives it back.
func (l *ledger) secret(what, value string) string {
	l.t.Helper()
	if len(value) < 8 {
		l.t.Fatalf("%s: %q is too short to be looked for", what, value)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[value] = what
	return value
}

// token notes a compact token, and the parts of it that are secrets by themselves.
func (l *ledger) token(what, compact string) string {
	l.t.Helper()
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		l.t.Fatalf("%s is no token: %q", what, compact)
	}
	l.secret(what, compact)
	l.secret("the signature of "+what, parts[2])
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		l.t.Fatal(err)
	}
	var claims struct {
		Secret string `json:"sec"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		l.t.Fatal(err)
	}
	if claims.Secret != "" {
		l.secret("sec of "+what, claims.Secret)
	}
	return compact
}

// write notes what was written.
func (l *ledger) write(where, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrote = append(l.wrote, output{where, text})
}

// files notes the bytes of every file in the directory.
func (l *ledger) files(dir string) {
	l.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			l.t.Fatal(err)
		}
		l.write("file "+e.Name(), string(b))
	}
}

// spellings are the forms in which a value may have been written.
func spellings(value string) map[string]string {
	quoted, _ := json.Marshal(value)
	forms := map[string]string{
		"as it is":    value,
		"in JSON":     strings.Trim(string(quoted), `"`),
		"in a URL":    url.QueryEscape(value),
		"in a path":   url.PathEscape(value),
		"in hex":      hex.EncodeToString([]byte(value)),
		"in base64":   strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "="),
		"in upper":    strings.ToUpper(value),
		"in lower":    strings.ToLower(value),
		"in base64 u": base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	if len(value) >= 16 { // less could be a word that is no secret
		forms["cut off"] = value[:len(value)*2/3]
	}
	return forms
}

// find gives where a secret was written, and how.
func (l *ledger) find() (found []string) {
	for value, what := range l.secrets {
		for how, form := range spellings(value) {
			for _, o := range l.wrote {
				if i := strings.Index(o.text, form); i >= 0 {
					found = append(found, what+" "+how+" in "+o.where+": …"+o.text[max(0, i-80):i]+"[secret]")
				}
			}
		}
	}
	return found
}

// holds reports whether something was written at a place that begins so.
func (l *ledger) holds(where, text string) bool {
	for _, o := range l.wrote {
		if strings.HasPrefix(o.where, where) && strings.Contains(o.text, text) {
			return true
		}
	}
	return false
}

// TestTheSearchFinds: what could not be found would prove nothing.
func TestTheSearchFinds(t *testing.T) {
	for how, form := range spellings("Sécret/with+all; kinds") {
		l := newLedger(t)
		l.secret("it", "Sécret/with+all; kinds")
		l.write("log", "some text "+form+" and more")
		if len(l.find()) == 0 {
			t.Errorf("not found %s", how)
		}
	}
	l := newLedger(t)
	l.secret("it", "Sécret/with+all; kinds")
	l.write("log", "harmless")
	if found := l.find(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
