//go:build unix

package sqlite

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Where SQLite locks, by its file format: a process that has a database in WAL
// mode open shares sharedFirst of the file, and the last byte of its index.
var lockRanges = []struct {
	suffix     string
	start, len int64
}{
	{"", 0x40000000, 512},
	{"-shm", 120, 9},
}

// locks keep every other process from opening a database.
type locks []*os.File

func (l locks) release() {
	for _, f := range l {
		_ = f.Close() // which gives the lock back; there is nobody to tell
	}
}

// lockOthersOut takes all of SQLite's locks, which nobody gets who has the
// database open, whatever is in it: a damaged one is what is replaced most often.
func lockOthersOut(path string) (taken locks, err error) {
	for _, at := range lockRanges {
		f, err := os.OpenFile(path+at.suffix, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			taken.release()
			return nil, err
		}
		taken = append(taken, f)
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: at.start, Len: at.len}
		switch err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
			taken.release()
			return nil, errInUse(path)
		case err != nil:
			taken.release()
			return nil, err
		}
	}
	return taken, nil
}

// giveAway gives a file that root made to the owner of its directory, who is to
// use it.
func giveAway(path, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}
