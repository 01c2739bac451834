package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// How a listener comes back, and how it notices that nobody is there any more.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	quiet        = 15 * time.Second // without a notification, the connection is tried
)

// listener hears that the revocation log has grown, on a connection of its own.
type listener struct {
	cfg    *pgx.ConnConfig
	c      chan struct{}
	cancel context.CancelFunc
	gone   chan struct{}
}

func newListener(url string) (*listener, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errURL
	}
	tune(cfg)
	return &listener{cfg: cfg, c: make(chan struct{}, 1), gone: make(chan struct{})}, nil
}

func (l *listener) start() {
	if l != nil {
		ctx, cancel := context.WithCancel(context.Background())
		l.cancel = cancel
		go l.loop(ctx)
	}
}

func (l *listener) close() {
	if l != nil {
		l.cancel()
		<-l.gone
	}
}

// loop listens until it is closed, and connects again where that ends.
func (l *listener) loop(ctx context.Context) {
	defer close(l.gone)
	wait := firstBackoff
	for ctx.Err() == nil {
		if l.once(ctx) {
			wait = firstBackoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			wait = min(2*wait, lastBackoff)
		}
	}
}

// once listens for as long as the connection holds; heard reports whether there
// was one.
func (l *listener) once(ctx context.Context) (heard bool) {
	c, err := pgx.ConnectConfig(ctx, l.cfg)
	if err != nil {
		return false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
		defer cancel()
		_ = c.Close(ctx)
	}()
	if _, err := c.Exec(ctx, `LISTEN pawl_revocations`); err != nil {
		return false
	}
	l.nudge() // for what was missed
	for ctx.Err() == nil && l.await(ctx, c) {
		heard = true
	}
	return heard
}

// await waits for a notification. After some silence it asks the server whether
// it is still there: a connection may be gone without a word.
func (l *listener) await(ctx context.Context, c *pgx.Conn) bool {
	silence, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	if _, err := c.WaitForNotification(silence); err == nil {
		l.nudge()
		return true
	}
	if c.IsClosed() {
		return false
	}
	alive, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Ping(alive) == nil
}

func (l *listener) nudge() {
	select {
	case l.c <- struct{}{}:
	default:
	}
}
