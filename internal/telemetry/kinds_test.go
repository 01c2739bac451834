package telemetry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
)

// kinds gives every kind of event that package pawl declares.
func kinds(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.ValueSpec)
		if !ok || len(c.Values) != 1 || !strings.HasPrefix(c.Names[0].Name, "Event") {
			return true
		}
		kind, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, kind)
		return true
	})
	if len(found) < 20 {
		t.Fatalf("only %d kinds in event.go", len(found))
	}
	return found
}

// No kind of event is counted as "other": its figure would be lost.
func TestEveryKindOfEventIsKnown(t *testing.T) {
	f := newFixture(t)
	for _, kind := range kinds(t) {
		f.OnEvent(t.Context(), pawl.Event{Kind: kind})
		if !strings.Contains(f.scrape(t), "\npawl_changes_total{kind=\"other\"} 0\n") {
			t.Fatalf("events of the kind %s are counted as others", kind)
		}
	}
}
