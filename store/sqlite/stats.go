package sqlite

import "os"

// Stats gives how many writes wait for their commit, and the size of the
// database with its log, in bytes.
func (s *Store) Stats() (waiting int, bytes int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(s.path + suffix); err == nil { // there may be no log
			bytes += info.Size()
		}
	}
	return len(s.w.queue), bytes
}
