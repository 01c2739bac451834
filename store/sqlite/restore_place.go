package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// suffixes of the files that are a database together. The log belongs to its
// database alone: beside another one SQLite would play it into that.
var suffixes = []string{"", "-wal", "-journal", "-shm"}

// CheckVacant refuses to restore over what is at path: a database, unless
// replace, and one that a process has open in any case.
func CheckVacant(path string, replace bool) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	give, err := lockOut(full)
	if err != nil {
		return err
	}
	give()
	return vacant(full, replace)
}

// lockOut keeps everybody from opening the database at path, this process too,
// until the lock is given back. It refuses where somebody has it open. The
// database may not be there at all.
func lockOut(path string) (give func(), err error) {
	held.Lock()
	if file, err := os.Stat(path); err == nil && held.has(file) {
		held.Unlock()
		return nil, errInUse(path)
	}
	locked, err := lockOthersOut(path)
	if err != nil {
		held.Unlock()
		return nil, err
	}
	return func() {
		locked.release()
		held.Unlock()
	}, nil
}

func vacant(path string, replace bool) error {
	there, err := filesOf(path)
	if err != nil || len(there) == 0 || replace {
		return err
	}
	if there[0] == path {
		return fmt.Errorf("there is a database at %s already, and it was left as it is: to put the backup in its place, and keep the old one beside it, add --replace", path)
	}
	return fmt.Errorf("there is %s, which belongs to a database that is not there any more: to restore nevertheless, and keep that file under another name, add --replace", there[0])
}

// filesOf gives which of a database's files are there, the database first.
func filesOf(path string) (there []string, err error) {
	for _, suffix := range suffixes {
		switch info, err := os.Lstat(path + suffix); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file: name another place for the database", path+suffix)
		default:
			there = append(there, path+suffix)
		}
	}
	return there, nil
}

// putAside puts temp at path, and what is there beside it. While it does, no
// process can open what is there.
func putAside(temp, path string, o PutOptions) (kept string, err error) {
	give, err := lockOut(path)
	if err != nil {
		return "", err
	}
	defer give()
	if err := vacant(path, o.Replace); err != nil {
		return "", err
	}
	there, err := filesOf(path)
	if err != nil {
		return "", err
	}
	if len(there) > 0 {
		kept = path + KeptSuffix + o.At.UTC().Format("20060102-150405.000")
		if err := keep(there, path, kept); err != nil {
			return "", fmt.Errorf("the old database cannot be kept as %s: %w; run it again", kept, err)
		}
	}
	if err := putAt(temp, path, false); err != nil {
		return kept, fmt.Errorf("the restored database cannot be put at %s: %w; run it again", path, err)
	}
	return kept, nil
}

// KeptSuffix stands between the name of a database and the time in the name of
// the one that it replaced.
const KeptSuffix = ".replaced-"

// keep gives the files of the database at path another name. The log has it
// before the database gets it, and loses the old one after: killed at any
// moment, the old database has its log, and none is left beside a new one that
// the next restoration does not see.
func keep(there []string, path, kept string) error {
	for _, old := range there {
		if old == path {
			continue
		}
		if err := os.Link(old, kept+strings.TrimPrefix(old, path)); err != nil {
			return err
		}
	}
	if there[0] == path {
		if err := os.Rename(path, kept); err != nil {
			return err
		}
	}
	for _, old := range there {
		if old == path {
			continue
		}
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

func errInUse(path string) error {
	return fmt.Errorf("a process has the database %s open: stop the server, and whatever else uses it, then run this again; nothing was changed", path)
}
