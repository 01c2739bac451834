package token

import (
	"strings"
	"testing"
)

// One text for each id: what is kept by its text (revocations, caches) and what is
// kept by its bytes (records) must mean the same session.
func TestASessionIDHasOneText(t *testing.T) {
	secret := [16]byte{15: 1}
	id := SessionID(secret)
	raw, ok := ParseSessionID(id)
	if again := b64.EncodeToString(raw[:]); !ok || again != id {
		t.Errorf("%q is read as %q, %v", id, again, ok)
	}
	last := map[bool]string{true: "B", false: "A"}[strings.HasSuffix(id, "A")]
	for name, text := range map[string]string{
		"empty": "", "line feed behind": id + "\n", "carriage return before": "\r" + id,
		"line break inside": id[:7] + "\r\n" + id[7:], "only line breaks more": id + "\n\n\n\n",
		"padded": id + "==", "space": id + " ", "longer": id + "AA", "shorter": id[:20],
		"bits that carry nothing": id[:21] + string(id[21]+1), "another alphabet": "+/" + id[2:],
		"a byte beyond ASCII": id[:20] + "é", "one character less": id[:21], "one instead": id[:21] + last + "\x00",
	} {
		if raw, ok := ParseSessionID(text); ok {
			t.Errorf("%s: %q is read as %x", name, text, raw)
		}
	}
}
