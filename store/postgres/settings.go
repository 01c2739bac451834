package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A setting is one of PostgreSQL's that Pawl relies on. Anyone may have given the
// database or the role another default.
type setting struct {
	name    string
	value   string // what Pawl asks for
	ours    bool   // Pawl's own affair: a direct connection sets it
	accepts func(value string) bool
	because string // what would go wrong
}

// What is promised rests on these.
var settings = []setting{
	{"default_transaction_isolation", "read committed", true, is("read committed"), "what waits for an end would not see it, and apply after it"},
	{"bytea_output", "hex", true, is("hex"), "keys would be written, and could not be read"},
	{"client_min_messages", "notice", true, isNot("error"), "PostgreSQL could not report that no standby has confirmed a commit"},
	{"synchronous_commit", "on", false, isNot("off"), "a crash would bring rotated tokens back"},
}

func is(want string) func(string) bool   { return func(value string) bool { return value == want } }
func isNot(bad string) func(string) bool { return func(value string) bool { return value != bad } }

func (s *setting) advice() string {
	return fmt.Sprintf("set it for this database (and for the user, if it is set there): ALTER DATABASE <name> SET %s = '%s'; a pooler must connect again after that", s.name, s.value)
}

// settle has a direct connection set what is Pawl's own affair, whatever the URL
// says, and returns the rest.
func settle(c *pgx.ConnConfig) (rest []setting) {
	for _, s := range settings {
		if s.ours {
			c.RuntimeParams[s.name] = s.value
		} else {
			rest = append(rest, s)
		}
	}
	return rest
}

// checkSettings refuses a connection whose settings break what is promised. Every
// new one is checked: the defaults of a database can change at any time.
func checkSettings(ctx context.Context, c *pgx.Conn, list []setting) error {
	values := make([]string, len(list))
	asked, dest := make([]string, len(list)), make([]any, len(list))
	for i, s := range list {
		asked[i], dest[i] = "current_setting('"+s.name+"')", &values[i]
	}
	if err := c.QueryRow(ctx, "SELECT "+strings.Join(asked, ", "), pgx.QueryExecModeExec).Scan(dest...); err != nil {
		return err
	}
	for i, s := range list {
		if !s.accepts(values[i]) {
			return fmt.Errorf("%s is %s: %s; %s", s.name, values[i], s.because, s.advice())
		}
	}
	return nil
}

// recheckEvery is how often settings are checked behind a pooler, whose connection
// to the server can be newer than the one to it. To ask in each statement costs a
// rotation a tenth.
const recheckEvery = time.Second

// recheck checks the settings of a connection of the pool now and then. If they are
// wrong, all connections are given up, and each new one is checked.
func (s *Store) recheck(ctx context.Context, c *pgx.Conn) error {
	if !s.checkDue.CompareAndSwap(true, false) {
		return nil
	}
	time.AfterFunc(recheckEvery, func() { s.checkDue.Store(true) })
	err := checkSettings(ctx, c, settings)
	if err != nil {
		s.pool.Reset()
	}
	return err
}
