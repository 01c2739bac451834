package password

import (
	"context"
	"slices"
)

// Line says where a caller stands while others wait for their turn to hash.
type Line struct {
	// Name is of the place that the caller comes from, such as its network.
	// Callers with the same name wait behind each other; of those with different
	// names nobody holds up the others.
	Name string
	// Known callers go first, three to one while strangers wait too.
	Known bool
}

type lineKey struct{}

// WithLine gives a context whose calls of a [Hasher] wait in the line.
func WithLine(ctx context.Context, l Line) context.Context {
	return context.WithValue(ctx, lineKey{}, l)
}

func lineOf(ctx context.Context) Line {
	l, _ := ctx.Value(lineKey{}).(Line)
	return l
}

// lines are waiters by the name of their line. There are as many at most as the
// queue has places, so looking through all of them is quick.
type lines struct {
	list []*line // in the order of their turns; none is empty
}

type line struct {
	name    string
	waiters []*waiter // first come, first
}

func (ls *lines) find(name string) (int, *line) {
	for i, l := range ls.list {
		if l.name == name {
			return i, l
		}
	}
	return -1, &line{name: name}
}

func (ls *lines) push(w *waiter) {
	i, l := ls.find(w.name)
	if i < 0 {
		ls.list = append(ls.list, l)
	}
	l.waiters = append(l.waiters, w)
}

func (ls *lines) remove(w *waiter) {
	i, l := ls.find(w.name)
	l.waiters = slices.DeleteFunc(l.waiters, func(other *waiter) bool { return other == w })
	if len(l.waiters) == 0 {
		ls.list = slices.Delete(ls.list, i, i+1)
	}
}

// served moves the line behind all others.
func (ls *lines) served(name string) {
	if i, l := ls.find(name); i >= 0 {
		ls.list = append(slices.Delete(ls.list, i, i+1), l)
	}
}

// first is whoever is next, nil for nobody.
func (ls *lines) first() *waiter {
	if len(ls.list) == 0 {
		return nil
	}
	return ls.list[0].waiters[0]
}

func (ls *lines) longest() *line {
	var longest *line
	for _, l := range ls.list {
		if longest == nil || len(l.waiters) >= len(longest.waiters) { // of equals the one whose turn is last
			longest = l
		}
	}
	return longest
}

// lastOfLongest is the last of the longest line, nil where there is none.
func (ls *lines) lastOfLongest() *waiter {
	l := ls.longest()
	if l == nil {
		return nil
	}
	return l.waiters[len(l.waiters)-1]
}

// fairer is whom w may send away: somebody of a line that is longer than w's
// will be.
func (ls *lines) fairer(w *waiter) *waiter {
	_, own := ls.find(w.name)
	if l := ls.longest(); l == nil || len(l.waiters) <= len(own.waiters)+1 {
		return nil
	}
	return ls.lastOfLongest()
}
