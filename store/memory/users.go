package memory

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pawlauth/pawl"
)

// userTable holds people by id and by folded login. A person is replaced, never
// changed.
type userTable struct {
	mu      sync.RWMutex
	byID    map[string]*person
	byLogin map[string]*person
	code    *[32]byte            // of the setup offer
	resets  map[string]resetCode // by user
}

type person struct {
	pawl.User
	folded string // SortKey
	claims []byte // User.Claims as JSON, as other stores keep them
}

func newPerson(u pawl.User) (*person, error) {
	folded, err := u.SortKey()
	if err != nil {
		return nil, err
	}
	p := &person{User: u, folded: folded}
	p.Roles = slices.Clone(u.Roles)
	if len(u.Claims) > 0 {
		if p.claims, err = json.Marshal(u.Claims); err != nil {
			return nil, fmt.Errorf("the claims of user %s cannot be kept as JSON: %w", u.Login, err)
		}
	}
	return p, nil
}

// user gives a copy that the caller may change.
func (p *person) user() (pawl.User, error) {
	u := p.User
	u.Roles, u.Claims = slices.Clone(p.Roles), nil
	if p.claims == nil {
		return u, nil
	}
	return u, json.Unmarshal(p.claims, &u.Claims)
}

// ByID implements [pawl.Users].
func (s *Store) ByID(ctx context.Context, id string) (pawl.User, error) {
	return s.user(ctx, s.users.byID, id)
}

// ByLogin implements [pawl.Users].
func (s *Store) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	folded, err := pawl.FoldLogin(login)
	if err != nil {
		return pawl.User{}, pawl.ErrNotFound
	}
	return s.user(ctx, s.users.byLogin, folded)
}

func (s *Store) user(ctx context.Context, in map[string]*person, key string) (pawl.User, error) {
	if err := ctx.Err(); err != nil {
		return pawl.User{}, err
	}
	s.users.mu.RLock()
	defer s.users.mu.RUnlock()
	p := in[key]
	if p == nil {
		return pawl.User{}, pawl.ErrNotFound
	}
	return p.user()
}

// SetPasswordHash implements [pawl.PasswordSetter].
func (s *Store) SetPasswordHash(ctx context.Context, id, old, new string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[id]
	switch {
	case p == nil:
		return pawl.ErrNotFound
	case p.PasswordHash != old:
		return pawl.ErrConflict
	}
	changed := *p
	changed.PasswordHash = new
	t.put(&changed)
	delete(t.resets, id)
	return nil
}

func (t *userTable) put(p *person) { t.byID[p.ID], t.byLogin[p.folded] = p, p }

// CreateUser implements [pawl.UserStore].
func (s *Store) CreateUser(ctx context.Context, u pawl.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := newPerson(u)
	if err != nil {
		return err
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	return s.users.add(p)
}

func (t *userTable) add(p *person) error {
	if t.byID[p.ID] != nil || t.byLogin[p.folded] != nil {
		return pawl.ErrConflict
	}
	t.put(p)
	return nil
}

// CreateUsers implements [pawl.UserStore].
func (s *Store) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	people := make([]*person, len(us))
	for i, u := range us {
		var err error
		if people[i], err = newPerson(u); err != nil {
			return nil, err
		}
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	taken := make([]bool, len(us))
	for i, p := range people {
		taken[i] = s.users.add(p) != nil
	}
	return taken, nil
}

// UpdateUser implements [pawl.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, c pawl.UserChange) (before, after pawl.User, err error) {
	if err := ctx.Err(); err != nil {
		return before, after, err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.byID[id]
	if old == nil {
		return before, after, pawl.ErrNotFound
	}
	if before, err = old.user(); err != nil {
		return before, after, err
	}
	changed, err := newPerson(c.Apply(before))
	if err != nil {
		return before, after, err
	}
	if other := t.byLogin[changed.folded]; other != nil && other != old {
		return before, after, pawl.ErrConflict
	}
	delete(t.byLogin, old.folded)
	t.put(changed)
	if !before.IsAdmin() && changed.IsAdmin() {
		delete(t.resets, id)
	}
	after, err = changed.user()
	return before, after, err
}

// DeleteUser implements [pawl.UserStore].
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[id]
	if p == nil {
		return pawl.ErrNotFound
	}
	delete(t.byID, id)
	delete(t.byLogin, p.folded)
	delete(t.resets, id)
	return nil
}

// ListUsers implements [pawl.UserStore].
func (s *Store) ListUsers(ctx context.Context, q pawl.UserQuery) ([]pawl.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	search, err := pawl.FoldLogin(q.Search)
	if err != nil {
		search = q.Search
	}
	t := &s.users
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []*person
	for folded, p := range t.byLogin {
		if folded > q.After && (q.Search == "" || p.ID == q.Search || p.Login != "" && strings.Contains(folded, search)) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *person) int { return cmp.Compare(a.folded, b.folded) })
	var list []pawl.User
	for _, p := range found[:min(max(q.Limit, 0), len(found))] {
		u, err := p.user()
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// OfferSetup implements [pawl.UserStore].
func (s *Store) OfferSetup(ctx context.Context, code [32]byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hasAdmin() {
		return false, nil
	}
	t.code = &code
	return true, nil
}

func (t *userTable) hasAdmin() bool {
	for _, p := range t.byID {
		if slices.Contains(p.Roles, pawl.RoleAdmin) {
			return true
		}
	}
	return false
}

// CheckSetup implements [pawl.UserStore].
func (s *Store) CheckSetup(ctx context.Context, code [32]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.users
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.offered(code) {
		return pawl.ErrNotFound
	}
	return nil
}

// offered reports whether the setup code is good.
func (t *userTable) offered(code [32]byte) bool {
	return t.code != nil && subtle.ConstantTimeCompare(t.code[:], code[:]) == 1 && !t.hasAdmin()
}

// CreateFirst implements [pawl.UserStore].
func (s *Store) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := newPerson(u)
	if err != nil {
		return err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.offered(code) {
		return pawl.ErrNotFound
	}
	if err := t.add(p); err != nil {
		return err
	}
	t.code = nil
	return nil
}
