package redis

import (
	"context"
	"strings"
)

// place is where a walk through the users is: behind the entry of a partition's
// register, or within that user's sessions, behind one. The registers hold each
// user who has a hash once, in the order in which they came, so that what stays is
// met once.
type place struct {
	partition int
	entry     string // "" is the beginning of the partition
	session   string // the id of the last one met; "" is behind all of the user's
}

// registered is a user as the register has them.
type registered struct {
	entry, user string
}

// next gives the next users, at most n of one partition. None means that the
// partition is at its end.
func (s *Store) next(ctx context.Context, at place, n int) ([]registered, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	start := "(" + at.entry
	switch {
	case at.entry == "":
		start = "-"
	case at.session != "":
		start = at.entry
	}
	b := s.client.B()
	found, err := s.client.Do(ctx, b.Xrange().Key(s.layout.register(at.partition)).Start(start).End("+").Count(int64(n)).Build()).AsXRange()
	if err != nil {
		return nil, fault(err)
	}
	users := make([]registered, len(found))
	for i, f := range found {
		users[i] = registered{f.ID, f.FieldValues["u"]}
	}
	return users, nil
}

// validEntry holds for the id of an entry of a register.
func validEntry(id string) bool {
	ms, seq, ok := strings.Cut(id, "-")
	return ok && isDigits(ms) && isDigits(seq)
}

func isDigits(text string) bool {
	return text != "" && len(text) <= 20 && strings.Trim(text, "0123456789") == ""
}
