package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// File gives a store in a file of mode 0600, in a directory that must exist.
// Programs of one user on one machine can share it: a file beside it, path and
// ".lock", keeps them apart (on systems without flock, nothing does).
func File(path string) TokenStore { return file(path) }

type file string

// Load refuses a file that others can read: they have the session then.
func (f file) Load(context.Context) (State, error) {
	var s State
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := private(string(f)); err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("client: %s holds no session of this package: remove it and sign in again: %w", f, err)
	}
	return s, nil
}

// Save writes beside the file and renames: a crash leaves the old or the new.
func (f file) Save(_ context.Context, s State) error {
	b, err := json.Marshal(s) //nolint:gosec // keeping the token is what the file is for
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(f))
	tmp, err := os.CreateTemp(dir, filepath.Base(string(f))+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), string(f)); err != nil {
		return err
	}
	return syncDir(dir)
}

// Lock waits for its turn. The lock goes with the process that holds it.
func (f file) Lock(ctx context.Context) (func(), error) {
	l, err := os.OpenFile(string(f)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		taken, err := tryLock(l)
		if err == nil && !taken {
			err = sleep(ctx, 20*time.Millisecond)
		}
		switch {
		case err != nil:
			return nil, errors.Join(fmt.Errorf("client: %s is in use by another program", f), err, l.Close())
		case taken:
			return func() { _ = l.Close() }, nil
		}
	}
}
