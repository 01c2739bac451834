package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

var (
	getScript    = newScript("get")
	listScript   = newScript("list")
	createScript = newScript("create")
	rotateScript = newScript("rotate")
	endScript    = newScript("end")
	eachScript   = newScript("endeach")
	pageScript   = newScript("page")
)

// Mark implements [pawl.SessionStore].
func (s *Store) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	_, mark, err := s.get(ctx, user, "")
	return mark, err
}

// Get implements [pawl.SessionStore].
func (s *Store) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		sid = "" // an id that no Pawl made names no session
	}
	v, mark, err := s.get(ctx, k.User, sid)
	if err != nil {
		return pawl.Session{}, pawl.Mark{}, err
	}
	if v.hot == "" {
		return pawl.Session{}, mark, pawl.ErrNotFound
	}
	rec, err := v.session(k.User, sid)
	return rec, mark, err
}

// get reads a session's values, none where there is no such session, and the
// mark that holds for it.
func (s *Store) get(ctx context.Context, user, sid string) (v values, mark pawl.Mark, err error) {
	p := partition(user)
	r, err := s.do(ctx, call{getScript, []string{s.layout.user(user), s.layout.everyone(p)}, []string{sid}}).ToArray()
	if err != nil {
		return v, mark, fault(err)
	}
	if len(r) != 6 {
		return v, mark, errDamaged
	}
	if sid != "" {
		v = values{bytesOf(r[1]), bytesOf(r[2]), bytesOf(r[3]), bytesOf(r[4])}
	}
	mark, err = readMarks(bytesOf(r[0]), bytesOf(r[5]))
	return v, mark, err
}

// Create implements [pawl.SessionStore].
func (s *Store) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	sid, err := sidBytes(rec.ID)
	if err != nil {
		return nil, err
	}
	p := partition(rec.User)
	r, err := s.do(ctx, call{
		createScript,
		[]string{s.layout.user(rec.User), s.layout.everyone(p), s.layout.register(p), s.layout.log(p), s.layout.head(p)},
		[]string{
			s.layout.channel(), newTag(), rec.User, sid, packHot(&rec), packCold(&rec), rec.Client.Label,
			decimal(seen.Version), strconv.Itoa(limit), decimal(millis(rec.Created)),
			api.ReasonSessionLimit, packEnded(rec.Created, api.ReasonSessionLimit), life(&rec), strconv.Itoa(pawl.EndBatch),
		},
	}).ToArray()
	if err != nil {
		return nil, fault(err)
	}
	evicted, err := created(rec.User, r)
	if len(evicted) > 0 {
		if err := s.awaitPartition(ctx, p); err != nil {
			return nil, fault(err)
		}
	}
	return evicted, err
}

// created reads what the script answers: a word, and the sessions that it ended.
func created(user string, r []rueidis.RedisMessage) (evicted []pawl.Session, err error) {
	if len(r) == 0 {
		return nil, errDamaged
	}
	switch bytesOf(r[0]) {
	case "ended":
		return nil, pawl.ErrEnded
	case "conflict":
		return nil, pawl.ErrConflict
	}
	for _, m := range r[1:] {
		one, err := m.ToArray()
		if err != nil || len(one) != 5 {
			return nil, errDamaged
		}
		v := values{bytesOf(one[1]), bytesOf(one[2]), bytesOf(one[3]), bytesOf(one[4])}
		rec, err := v.session(user, bytesOf(one[0]))
		if err != nil {
			return nil, err
		}
		evicted = append(evicted, rec)
	}
	return evicted, nil
}

const (
	// slack is how long a user's hash outlives the idle end of its last session:
	// longer than an access token lives, so that case 3 finds the session, and the
	// sweep, which knows how long that is, comes first.
	slack = 7 * 24 * time.Hour
	// markLife is how long a mark outlives it, for sign-ins that it overtook.
	markLife = 30 * 24 * time.Hour
	maxLife  = 100 * 365 * 24 * time.Hour
)

// life is how long the session must be kept from now on, in milliseconds. It
// follows from the record alone: the server's clock only measures it.
func life(rec *pawl.Session) string {
	idle := int64(millis(rec.IdleExpires)) - int64(millis(rec.Opened))
	return strconv.FormatInt(min(max(idle, 0), maxLife.Milliseconds())+slack.Milliseconds(), 10)
}

// Rotate implements [pawl.SessionStore].
func (s *Store) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	sid, err := sidBytes(from.ID)
	if err != nil {
		return false, ctx.Err() // no Pawl made it, so there is no such session
	}
	applied, err := s.do(ctx, call{
		rotateScript,
		[]string{s.layout.user(from.User), s.layout.everyone(partition(from.User))},
		[]string{sid, string(condition(&from)), packHot(&next), packClient(next.Client), life(&next)},
	}).AsInt64()
	return applied == 1, fault(err)
}

// End implements [pawl.SessionStore].
func (s *Store) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		return false, ctx.Err()
	}
	return s.end(ctx, k.User, sid, reason, at, first)
}

func (s *Store) end(ctx context.Context, user, sid, reason string, at time.Time, when string) (bool, error) {
	p := partition(user)
	ended, err := s.replicated(ctx, p, call{
		endScript,
		[]string{s.layout.user(user), s.layout.everyone(p), s.layout.log(p), s.layout.head(p)},
		[]string{s.layout.channel(), newTag(), user, sid, reason, decimal(millis(at)), packEnded(at, reason), when},
	}).AsInt64()
	return ended == 1, fault(err)
}

// EndEach implements [pawl.SessionStore]. It waits for replicas once for all of
// them, where it ends nothing too.
func (s *Store) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	p := partition(user)
	args := []string{s.layout.channel(), newTag(), user, reason, decimal(millis(at)), packEnded(at, reason)}
	for _, id := range ids {
		if sid, err := sidBytes(id); err == nil { // else no session has it
			args = append(args, sid)
		}
	}
	ended, err := s.replicated(ctx, p, call{
		eachScript, []string{s.layout.user(user), s.layout.everyone(p), s.layout.log(p), s.layout.head(p)}, args,
	}).AsStrSlice()
	if err != nil {
		return nil, fault(err)
	}
	for i, sid := range ended {
		ended[i] = sidText(sid)
	}
	return ended, nil
}

// List implements [pawl.SessionStore]. The server reads all of the user's sessions
// and gives the piece.
func (s *Store) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	sid := ""
	if after.ID != "" {
		var err error
		if sid, err = sidBytes(after.ID); err != nil {
			return nil, pawl.Mark{}, pawl.ErrNotFound
		}
	}
	piece, mark, _, err := readUser(user, s.do(ctx, call{
		pageScript,
		[]string{s.layout.user(user), s.layout.everyone(partition(user))},
		[]string{decimal(millis(after.Created)), sid, strconv.Itoa(limit)},
	}), false)
	if err != nil {
		return nil, pawl.Mark{}, err
	}
	slices.SortFunc(piece, func(a, b pawl.Session) int {
		x, _ := sidBytes(a.ID) // the bytes are what the server orders by
		y, _ := sidBytes(b.ID)
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(x, y))
	})
	return piece, mark, nil
}

func (s *Store) listCall(user string) call {
	return call{listScript, []string{s.layout.user(user), s.layout.everyone(partition(user))}, nil}
}

// readUser reads what listScript answers: the user's sessions, those that were
// ended one by one only if ended says so, the mark, and the user's entry in the
// register.
func readUser(user string, r rueidis.RedisResult, ended bool) (list []pawl.Session, mark pawl.Mark, entry string, err error) {
	answer, err := r.ToArray()
	if err != nil {
		return nil, mark, "", fault(err)
	}
	if len(answer) != 2 {
		return nil, mark, "", errDamaged
	}
	fields, err := answer[1].AsStrMap()
	if err != nil {
		return nil, mark, "", errDamaged
	}
	if mark, err = readMarks(fields["m"], bytesOf(answer[0])); err != nil {
		return nil, mark, "", err
	}
	for sid, hot := range fields {
		if len(sid) != 16 || fields[sid+"e"] != "" && !ended {
			continue
		}
		rec, err := values{hot, fields[sid+"c"], fields[sid+"l"], fields[sid+"e"]}.session(user, sid)
		if err != nil {
			return nil, mark, "", err
		}
		list = append(list, rec)
	}
	return list, mark, fields["r"], nil
}
