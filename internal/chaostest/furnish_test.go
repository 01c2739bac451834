package chaostest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/password"
)

const (
	admin = "admin" // may end everyone's sessions
	// Users who change their password are few, and their passwords two: hashing is
	// slow on purpose.
	changers = 100
)

var passwords = [2]string{"quetzal fjord 91 umbra", "nimbus okapi 47 wharf"}

// passwordHash is that of the first password.
var passwordHash = sync.OnceValues(func() (string, error) {
	h, err := password.New(password.Options{})
	if err != nil {
		return "", err
	}
	return h.Hash(context.Background(), passwords[0])
})

// changer names one of the users who have a password.
func changer(n int) string { return fmt.Sprint("changer-", n%changers) }

// furnish adds whom the nodes must know: the client that signs users in without a
// password, an administrator, and users who have a password.
func (h *house) furnish(r role) {
	h.t.Helper()
	s, err := r.open(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.close()
	c, secret, err := pawl.NewRegisteredClient("backend", []string{pawl.ScopeSessions}, time.Now())
	if err == nil {
		err = s.database.AddClient(h.t.Context(), c)
	}
	if err == nil {
		err = addUsers(h.t.Context(), s.database)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.secret = secret
}

func addUsers(ctx context.Context, to pawl.UserStore) error {
	hash, err := passwordHash()
	if err != nil {
		return err
	}
	users := []pawl.User{{ID: admin, Login: admin, PasswordHash: hash, Roles: []string{pawl.RoleAdmin}}}
	for i := range changers {
		users = append(users, pawl.User{ID: changer(i), Login: changer(i), PasswordHash: hash})
	}
	_, err = to.CreateUsers(ctx, users)
	return err
}
