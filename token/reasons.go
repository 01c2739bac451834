package token

import (
	"slices"
	"sync"
	"sync/atomic"
)

// maxReasons bounds what a feed gone wrong can make us remember. Reasons are a
// handful in truth; what comes after the last place is kept without its reason.
const maxReasons = 1024

// A reasonTable gives each reason a small number, so that a million marks hold
// no pointers for the garbage collector to follow. 0 is the empty reason.
type reasonTable struct {
	mu   sync.Mutex
	list atomic.Pointer[[]string]
}

func (t *reasonTable) text(i uint16) string {
	if i == 0 {
		return ""
	}
	return (*t.list.Load())[i-1]
}

func (t *reasonTable) index(reason string) uint16 {
	if reason == "" {
		return 0
	}
	if i := t.find(reason); i != 0 {
		return i
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.find(reason); i != 0 {
		return i
	}
	var list []string
	if old := t.list.Load(); old != nil {
		list = *old
	}
	if len(list) == maxReasons {
		return 0
	}
	list = append(slices.Clone(list), reason)
	t.list.Store(&list)
	return uint16(len(list))
}

func (t *reasonTable) find(reason string) uint16 {
	list := t.list.Load()
	if list == nil {
		return 0
	}
	return uint16(slices.Index(*list, reason) + 1)
}
