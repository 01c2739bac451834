package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"modernc.org/sqlite"
)

// conn is one connection with its prepared statements. It is used by one
// goroutine at a time. It speaks to the driver itself: database/sql costs more
// than the statements do.
type conn struct {
	driver.Conn
	stmts map[string]*stmt
}

type stmt struct {
	driver.Stmt
	args []driver.NamedValue // reused
	dest []driver.Value      // reused
}

// never is not cancelled: a statement that has begun runs to its end, and the
// driver needs no goroutine to watch over it.
var never = context.Background()

// pragmas of every connection, in the form of this driver; it ignores other forms.
var pragmas = []string{
	"journal_mode(WAL)",
	"synchronous(FULL)", // a rotation that was answered must not come back after a power cut
	"busy_timeout(5000)",
	"foreign_keys(1)",
}

// connect opens path, an absolute one, with more pragmas if need be.
func connect(ctx context.Context, path string, more ...string) (*conn, error) {
	return open(ctx, path, append(pragmas[:len(pragmas):len(pragmas)], more...))
}

// open opens path with these pragmas and no others.
func open(ctx context.Context, path string, pragmas []string) (*conn, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": pragmas}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, stmts: map[string]*stmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}

// prepared gives the statement of a query, made at its first use.
func (c *conn) prepared(query string) (*stmt, error) {
	if st := c.stmts[query]; st != nil {
		return st, nil
	}
	prepared, err := c.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, strings.Join(strings.Fields(query), " "))
	}
	st := &stmt{Stmt: prepared}
	c.stmts[query] = st
	return st, nil
}

func (st *stmt) bind(args []any) []driver.NamedValue {
	st.args = st.args[:0]
	for i, a := range args {
		st.args = append(st.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return st.args
}

// exec runs a statement and says how many rows it changed. Arguments are
// int64, string, []byte or nil.
func (c *conn) exec(query string, args ...any) (changed int64, err error) {
	st, err := c.prepared(query)
	if err != nil {
		return 0, err
	}
	res, err := st.Stmt.(driver.StmtExecContext).ExecContext(never, st.bind(args))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row is a result row; it is good until the next one is read.
type row []driver.Value

func (r row) int(i int) int64   { v, _ := r[i].(int64); return v }
func (r row) text(i int) string { v, _ := r[i].(string); return v }
func (r row) blob(i int) []byte { v, _ := r[i].([]byte); return v }
func (r row) null(i int) bool   { return r[i] == nil }

// query hands each result row to f.
func (c *conn) query(query string, f func(row) error, args ...any) (err error) {
	st, err := c.prepared(query)
	if err != nil {
		return err
	}
	rows, err := st.Stmt.(driver.StmtQueryContext).QueryContext(never, st.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if st.dest == nil {
		st.dest = make([]driver.Value, len(rows.Columns()))
	}
	for {
		if err := rows.Next(st.dest); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(st.dest); err != nil {
			return err
		}
	}
}

// int gives a single number, 0 where there is no row.
func (c *conn) int(query string, args ...any) (n int64, err error) {
	err = c.query(query, func(r row) error { n = r.int(0); return nil }, args...)
	return n, err
}

// script runs several statements without arguments.
func (c *conn) script(sql string) error {
	_, err := c.Conn.(driver.ExecerContext).ExecContext(never, sql, nil)
	return err
}
