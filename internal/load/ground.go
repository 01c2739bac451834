package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// Grounds are the servers on which a server of our own keeps its data: on each,
// something of its own is made for each row, and deleted after it. Both empty: an
// SQLite file.
type Grounds struct {
	Database string // URL of PostgreSQL; databases are made there
	Sessions string // URL of Redis; its keys get a prefix of their own
}

// Check says what is wrong with the URLs. It quotes none: there may be a password
// in it.
func (g Grounds) Check() error {
	if g.Database == "" && g.Sessions != "" {
		return errors.New("sessions in Redis need a database beside them: name a PostgreSQL too")
	}
	for what, text := range map[string]string{"postgres": g.Database, "redis": g.Sessions} {
		u, err := url.Parse(text)
		if text != "" && (err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, what)) {
			return fmt.Errorf("what is to hold the data must be a URL such as %s://user:password@127.0.0.1/…", what)
		}
	}
	return nil
}

// String names the engines.
func (g Grounds) String() string {
	switch {
	case g.Sessions != "":
		return "PostgreSQL and Redis"
	case g.Database != "":
		return "PostgreSQL"
	}
	return "SQLite, synchronous=FULL"
}

// ground is where the data of one row is.
type ground struct {
	cfg   *config.Config // Database and Sessions
	leave []func(context.Context) error
}

// settle makes a place for the data of a row, in dir where it is a file. Servers on
// PostgreSQL make no master key: they are given one.
func (g Grounds) settle(ctx context.Context, dir string) (_ *ground, err error) {
	if g.Database == "" {
		return &ground{cfg: &config.Config{Database: config.URL("sqlite://" + filepath.Join(dir, "pawl.db"))}}, nil
	}
	name := "pawl_bench_" + strings.ToLower(rand.Text()[:16])
	at, err := url.Parse(g.Database)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read")
	}
	if err := os.WriteFile(filepath.Join(dir, "master.key"), []byte(pawl.NewMasterKey().Text()), 0o600); err != nil {
		return nil, err
	}
	if err := g.sql(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, fmt.Errorf("make a database for the measurement: %w", err)
	}
	at.Path = "/" + name
	here := &ground{cfg: &config.Config{Database: config.URL(at.String())}}
	here.leave = append(here.leave, func(ctx context.Context) error { return g.sql(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	if g.Sessions == "" {
		return here, nil
	}
	u, err := url.Parse(g.Sessions)
	if err != nil {
		return here, errors.New("the URL of Redis cannot be read")
	}
	q := u.Query()
	q.Set("prefix", name+":")
	u.RawQuery = q.Encode()
	here.cfg.Sessions = config.URL(u.String())
	here.leave = append(here.leave, func(ctx context.Context) error { return forget(ctx, g.Sessions, name+":") })
	return here, nil
}

// sql runs one statement. The only thing that varies in it is a name made above.
func (g Grounds) sql(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, g.Database)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// forget deletes the keys of a prefix, on every server of Redis that may hold some.
func forget(ctx context.Context, address, prefix string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	u.RawQuery = url.Values{"addr": u.Query()["addr"]}.Encode() // what else stands there is store/redis's own
	o, err := rueidis.ParseURL(u.String())
	if err != nil {
		return err
	}
	o.DisableCache = true
	c, err := rueidis.NewClient(o)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, node := range c.Nodes() {
		if err := forgetOn(ctx, c, node, prefix); err != nil {
			return err
		}
	}
	return nil
}

func forgetOn(ctx context.Context, all, node rueidis.Client, prefix string) error {
	for cursor := uint64(0); ; {
		found, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(prefix+"*").Count(1000).Build()).AsScanEntry()
		if err != nil {
			return err
		}
		var gone rueidis.Commands
		for _, key := range found.Elements {
			gone = append(gone, all.B().Unlink().Key(key).Build())
		}
		for _, answer := range all.DoMulti(ctx, gone...) {
			if err := answer.Error(); err != nil {
				return err
			}
		}
		if cursor = found.Cursor; cursor == 0 {
			return nil
		}
	}
}

// clear deletes what was made.
func (g *ground) clear() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var errs []error
	for _, leave := range g.leave {
		errs = append(errs, leave(ctx))
	}
	return errors.Join(errs...)
}
