package token

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	strict "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func parseJSON(s string) (any, error) {
	p := scanner{s: s}
	v, err := p.value()
	if err == nil {
		err = p.end()
	}
	return v, err
}

func TestStrictJSON(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		want      error
	}{
		{"every kind of value", ` {"a":[null,true,false,-0.5e+3,"x",{}],"b":{} , "c" : [ ] } `, nil},
		{"every escape", `"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, nil},
		{"U+2028 unescaped", "\"\u2028\"", nil},
		{"NUL, escaped", `"\u0000"`, nil},
		{"the largest exact integers", `[9007199254740991,-9007199254740991]`, nil},
		{"the largest double", `1.7976931348623157e308`, nil},
		{"a number too small for a double is zero to all", `1e-999`, nil},

		{"empty", ``, errJSON},
		{"white space", " \t\r\n", errJSON},
		{"a word", `nul`, errJSON},
		{"a word in capitals", `NULL`, errJSON},
		{"undefined", `undefined`, errJSON},
		{"SECURITY 8: other white space", "\u00a01", errJSON},
		{"SECURITY 8: vertical tab", "\v1", errJSON},
		{"SECURITY 8: two values", `1 2`, errTrailing},
		{"SECURITY 8: words together", `nulltrue`, errTrailing},
		{"SECURITY 8: closing twice", `{}}`, errTrailing},
		{"an unclosed object", `{"a":1`, errJSON},
		{"an unclosed array", `[1`, errJSON},
		{"an object closed as array", `{"a":1]`, errJSON},
		{"an array closed as object", `[1}`, errJSON},
		{"a comma too many in an array", `[1,]`, errJSON},
		{"a comma first", `[,1]`, errJSON},
		{"a comma too many in an object", `{"a":1,}`, errNotString},
		{"a comma first in an object", `{,"a":1}`, errNotString},
		{"no comma", `{"a":1"b":2}`, errJSON},
		{"no colon", `{"a" 1}`, errJSON},
		{"no value", `{"a":}`, errJSON},
		{"a name without quotes", `{a:1}`, errNotString},
		{"a number as name", `{1:1}`, errNotString},
		{"an unclosed string", `"a`, errJSONString},
		{"an unclosed escape", `"\`, errJSONString},
		{"an unclosed \\u", `"\u12"`, errJSONString},
		{"\\u in no digits", `"\u12G4"`, errJSONString},
		{"a tab in a string", "\"\t\"", errJSONString},
		{"a tab in a string after an escape", "\"\\n\t\"", errJSONString},
		{"minus alone", `-`, errNumber},
		{"an exponent without digits", `1e+`, errNumber},
		{"a point first", `.5`, errJSON},
		{"SECURITY 8: infinity", `1e309`, errRange},
		{"SECURITY 8: minus infinity", `-1e309`, errRange},
		{"SECURITY 8: 2^53", `9007199254740992`, errRange},
		{"SECURITY 8: a hundred digits", strings.Repeat("9", 100), errRange},
		{"SECURITY 8: bad UTF-8 in a name", "{\"\xff\":1}", errUTF8},
		{"SECURITY 8: bad UTF-8 after an escape", "\"\\n\xff\"", errUTF8},
		{"SECURITY 8: a lone surrogate at the end", `"\ud800`, errUTF8},
		{"SECURITY 8: two high surrogates", `"\ud800\ud800"`, errUTF8},
		{"SECURITY 8: a surrogate pair the wrong way", `"\ude00\ud83d"`, errUTF8},
		{"SECURITY 8: a name twice", `{"a":1,"a":1}`, errDuplicate},
		{"SECURITY 8: a name twice, spelled otherwise", `{"a":1,"\u0061":1}`, errDuplicate},
		{"SECURITY 8: a name in two cases", `{"straße":1,"STRAßE":1}`, errDuplicate},
		{"SECURITY 8: the empty name twice", `{"":1,"":1}`, errDuplicate},
		{"SECURITY 9: as deep as allowed", strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), nil},
		{"SECURITY 9: deeper", strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), errDepth},
		{"SECURITY 9: as many members as allowed", `{` + manyMembers(maxMembers)[1:] + `}`, nil},
		{"SECURITY 9: one more", `{` + manyMembers(maxMembers + 1)[1:] + `}`, errMembers},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parseJSON(c.doc); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			agree(t, c.doc)
		})
	}
}

// agree holds our reader against two others: what it accepts, both must accept
// with the same meaning; and it refuses nothing that the strict one accepts,
// but for the reasons listed.
func agree(t *testing.T, doc string) {
	t.Helper()
	ours, err := parseJSON(doc)
	var lax, careful any
	laxErr := json.Unmarshal([]byte(doc), &lax)
	carefulErr := strict.Unmarshal([]byte(doc), &careful)
	if err == nil {
		if laxErr != nil || carefulErr != nil {
			t.Errorf("%q: we accept, encoding/json says %v, go-json-experiment %v", doc, laxErr, carefulErr)
		}
		if diff := cmp.Diff(ours, lax); diff != "" {
			t.Errorf("%q: not what encoding/json reads: %s", doc, diff)
		}
		if diff := cmp.Diff(ours, careful); diff != "" {
			t.Errorf("%q: not what go-json-experiment reads: %s", doc, diff)
		}
		return
	}
	stricter := []error{
		errRange,     // integers beyond 2^53
		errDepth,     // deep nesting
		errMembers,   // many members
		errDuplicate, // names that differ in case
	}
	for _, reason := range stricter {
		if errors.Is(err, reason) {
			return
		}
	}
	if carefulErr == nil {
		t.Errorf("%q: we say %v, go-json-experiment accepts", doc, err)
	}
}
