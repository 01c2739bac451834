package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
)

func open(t testing.TB) storetest.Backend {
	path := filepath.Join(t.TempDir(), "pawl.db")
	return storetest.Backend{Node: openAt(t, path), Second: openAt(t, path)}
}

func openAt(t testing.TB, path string) storetest.Node {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return storetest.Node{Sessions: s, Users: s, Keys: s, Audit: s, Clients: s}
}

func TestStore(t *testing.T)      { storetest.Run(t, open) }
func TestRecords(t *testing.T)    { storetest.Records(t, open) }
func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
