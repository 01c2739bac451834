package sqlite

import (
	"io/fs"
	"os"
	"slices"
	"sync"
)

// held are the files that this process has open. POSIX gives locks to processes:
// closing any descriptor of a file drops them all, SQLite's with them, and what
// another process then writes can be lost. So nothing but SQLite opens a file
// that is among these.
var held heldFiles

type heldFiles struct {
	sync.Mutex
	files []fs.FileInfo // one for each that holds it
}

// hold checks the database at path, as [checkFile] does, and holds it until the
// release, which comes after SQLite has closed it.
func (h *heldFiles) hold(path string) (file fs.FileInfo, release func(), err error) {
	h.Lock()
	defer h.Unlock()
	file, err = os.Stat(path)
	if err != nil {
		return nil, nil, errCannotOpen(path, err)
	}
	if err := checkFile(path, file, h.has(file)); err != nil {
		return nil, nil, err
	}
	h.files = append(h.files, file)
	return file, sync.OnceFunc(func() { h.release(file) }), nil
}

func (h *heldFiles) release(file fs.FileInfo) {
	h.Lock()
	defer h.Unlock()
	i := slices.IndexFunc(h.files, func(f fs.FileInfo) bool { return os.SameFile(f, file) })
	h.files = slices.Delete(h.files, i, i+1)
}

// has is for who has the lock.
func (h *heldFiles) has(file fs.FileInfo) bool {
	return slices.ContainsFunc(h.files, func(f fs.FileInfo) bool { return os.SameFile(f, file) })
}
