package cli_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/pawlauth/pawl/internal/cli"
)

// Somebody has thought about how loud each kind of event is.
func TestEveryKindOfEventHasItsLevel(t *testing.T) {
	source, err := os.ReadFile("../../event.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?m)^\tEvent\w+\s+= "(\w+)"`).FindAllSubmatch(source, -1)
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds in event.go", len(kinds))
	}
	for _, k := range kinds {
		if _, ok := cli.EventLevels[string(k[1])]; !ok {
			t.Errorf("eventLevels knows no %s", k[1])
		}
	}
}
