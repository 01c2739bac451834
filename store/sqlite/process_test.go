package sqlite_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// child is this test again, in a process of its own.
func child(t *testing.T, path string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), append(env, "PAWL_TEST_CHILD="+t.Name(), "PAWL_TEST_PATH="+path)...)
	return cmd
}

func inChild(t *testing.T) bool { return os.Getenv("PAWL_TEST_CHILD") == t.Name() }

// Processes that start at once, on no database, end up with one.
func TestProcessesStartAtOnce(t *testing.T) {
	const each = 5
	if inChild(t) {
		node := openAt(t, os.Getenv("PAWL_TEST_PATH"))
		for range each {
			_, err := node.Sessions.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 0)
			if err != nil && !errors.Is(err, pawl.ErrEnded) { // by another process
				t.Error(err)
			}
		}
		if _, err := node.Sessions.EndAll(t.Context(), api.ReasonEndedByAdmin, noon); err != nil {
			t.Error(err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "pawl.db")
	var wg sync.WaitGroup
	const processes = 6
	for range processes {
		cmd := child(t, path)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	for range 4 { // and within this process
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	node := openAt(t, path)
	if m, err := node.Sessions.Mark(t.Context(), ""); err != nil || m.Version != processes {
		t.Errorf("mark %v after %d processes, %v", m, processes, err)
	}
	if left, _ := filepath.Glob(path + ".new*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// POSIX drops a process's locks on a file when it closes any descriptor of it. A
// backup, another store and a look at a place for a restoration must not cost a
// store its locks, or another process takes itself for the only one.
func TestLocksStayWithTheStore(t *testing.T) {
	if inChild(t) {
		if err := sqlite.CheckVacant(os.Getenv("PAWL_TEST_PATH"), true); err == nil {
			t.Error("nobody seems to have it open")
		}
		return
	}
	path := filepath.Join(t.TempDir(), "pawl.db")
	openAt(t, path)
	for name, look := range map[string]func() error{
		"nothing": func() error { return nil },
		"another store": func() error {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				err = s.Close()
			}
			return err
		},
		"a backup": func() error {
			_, err := sqlite.Backup(t.Context(), path, path+".backup", sqlite.BackupOptions{At: noon})
			return err
		},
		"a look at its place": func() error {
			if err := sqlite.CheckVacant(path, true); err == nil {
				return errors.New("the place seems to be free")
			}
			return nil
		},
	} {
		if err := look(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if out, err := child(t, path).CombinedOutput(); err != nil {
			t.Errorf("after %s: %v\n%s", name, err, out)
		}
	}
}

// What was answered is there after the writer was killed (SECURITY 24).
func TestKilled(t *testing.T) {
	if inChild(t) {
		rotateForever(t, os.Getenv("PAWL_TEST_PATH"))
		return
	}
	path := filepath.Join(t.TempDir(), "pawl.db")
	for round := range 3 {
		acknowledged := killWriter(t, path)
		node := openAt(t, path)
		for id, generation := range acknowledged {
			rec, _, err := node.Sessions.Get(t.Context(), pawl.SessionKey{User: "u", ID: id})
			if err != nil || rec.Generation < generation || rec.Generation > generation+1 {
				t.Errorf("round %d: generation %d was answered, found %d, %v", round, generation, rec.Generation, err)
			}
		}
	}
}

// rotateForever says on standard output which generation was answered.
func rotateForever(t *testing.T, path string) {
	node := openAt(t, path)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		rec := storetest.NewSession("u", noon)
		if _, err := node.Sessions.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for {
				next := storetest.Advanced(rec, rec.Rotated.Add(time.Millisecond))
				if ok, err := node.Sessions.Rotate(t.Context(), rec, next); err != nil || !ok {
					t.Errorf("rotate: %v, %v", ok, err)
					return
				}
				rec = next
				mu.Lock()
				fmt.Println("answered", rec.ID, rec.Generation)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// killWriter gives the last generation answered of each session.
func killWriter(t *testing.T, path string) map[string]uint64 {
	cmd := child(t, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]uint64{}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		field := strings.Fields(lines.Text())
		if len(field) != 3 || field[0] != "answered" {
			continue // the last line may be cut short
		}
		if generation, err := strconv.ParseUint(field[2], 10, 64); err == nil && len(field[1]) == 22 {
			acknowledged[field[1]] = max(generation, acknowledged[field[1]])
		}
		if n == 500 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if len(acknowledged) < 16 {
		t.Fatalf("only %d sessions were answered", len(acknowledged))
	}
	return acknowledged
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	some := storetest.Seed(t, s, 50, noon)
	mark, err := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Revocations(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	node := openAt(t, path)
	for _, want := range some {
		got, m, err := node.Sessions.Get(t.Context(), want.SessionKey)
		if err != nil || got != want || m != mark {
			t.Errorf("got %v, %v, %v", got, m, err)
		}
	}
	again, err := node.Sessions.Revocations(t.Context(), page.Cursor, 10)
	if err != nil || again.Reset || len(again.Entries) > 0 {
		t.Errorf("cursors do not outlive the process: %+v, %v", again, err)
	}
}
