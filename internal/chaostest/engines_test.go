package chaostest

import (
	"path/filepath"
	"testing"
)

// sqliteEngine is the embedded store: nodes on one machine share its file.
func sqliteEngine(t *testing.T) engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pawl.db")
	return engine{name: "sqlite", role: func([]string) role { return role{Database: path} }}
}

func TestChaosSQLite(t *testing.T) {
	t.Parallel()
	chaos(t, sqliteEngine(t), usual())
}

func TestFailuresSQLite(t *testing.T) {
	t.Parallel()
	failures(t, sqliteEngine(t))
}
