package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Target is the server to drive. Either it runs already, or Program is set.
type Target struct {
	URL     string   // of a server that runs
	People  []Person // who can sign in there; clients beyond their number share them
	Program string   // the pawl command, to start a server of our own for each row
	Grounds Grounds  // where that one keeps its data
}

// Check says what is wrong with the URL.
func (t Target) Check() error {
	_, err := parseEndpoint(t.URL)
	return err
}

// stage is a server with its clients, for one row.
type stage struct {
	own     *ownServer // nil: it ran already
	clients []*client
}

func (t Target) stage(ctx context.Context, p *Plan, k Kind, n int) (*stage, error) {
	s := new(stage)
	at, err := s.server(ctx, t, p, k, n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		c := &client{conn: conn{endpoint: at, timeout: p.Timeout, ctx: ctx}, step: i * dayOut / n}
		if s.own != nil {
			c.Person, c.subject, c.window, c.local = seedPerson(i), s.own.subjects[i], ownWindow, home(i)
		} else {
			c.Person, c.tidy = t.People[i%len(t.People)], true
		}
		s.clients = append(s.clients, c)
	}
	if k != SignIn {
		err = s.signIn(ctx)
	}
	if err == nil && s.own == nil {
		err = s.probe(k)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) server(ctx context.Context, t Target, p *Plan, k Kind, n int) (at endpoint, err error) {
	if t.Program == "" {
		return parseEndpoint(t.URL)
	}
	window := k != Advance && k != Mixed // in a day, reissues are half an hour apart
	if s.own, err = startOwn(ctx, t, window, n, p.Sessions); err != nil {
		return at, err
	}
	return endpoint{host: s.own.address, address: s.own.address}, nil
}

// signIn signs every client in, few at a time: a server holds parallel tries of
// one account against its limits.
func (s *stage) signIn(ctx context.Context) error {
	return few(s.clients, func(c *client) error {
		const tries = 10
		var err error
		for range tries {
			if err = c.signIn(); err == nil || !asFault(err).refused {
				break
			}
			pause(ctx, asFault(err))
		}
		if err != nil {
			return fmt.Errorf("cannot sign in as %q: %w", c.Login, err)
		}
		return nil
	})
}

// few calls f for each client, four at a time, until one fails.
func few(cs []*client, f func(*client) error) error {
	queue := make(chan *client, len(cs))
	for _, c := range cs {
		queue <- c
	}
	close(queue)
	var errs [4]error
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for c := range queue {
				if errs[i] = f(c); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the others are most likely the same
		}
	}
	return nil
}

// probe sees whether a server that we did not set up can be measured so: with
// its reuse window on, a client that reissues back to back meets row 4.
func (s *stage) probe(k Kind) error {
	if k != Advance && k != Resend {
		return nil
	}
	c := s.clients[0]
	if err := c.reissue(either); err != nil {
		return err
	}
	before := c.generation
	if err := c.reissue(either); err != nil {
		return err
	}
	switch advanced := c.generation > before; {
	case k == Advance && !advanced:
		return errors.New("advance cannot be measured on this server: its reuse window is on, so a reissue right after another is answered with the same token (row 4, no write); measure resend there, or advance on a server of bench's own, without --url")
	case k == Resend && advanced:
		return errors.New("resend cannot be measured on this server: it has no reuse window, so every reissue advances (row 5); measure advance")
	}
	return nil
}

// close leaves nothing behind: neither a server of ours, nor sessions on one
// that is not.
func (s *stage) close() {
	if s.own == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = few(s.clients, func(c *client) error {
			c.conn.close()
			if c.ctx = ctx; c.live {
				_ = c.signOut() // it may have ended, or never have been told
			}
			return nil
		})
	}
	for _, c := range s.clients {
		c.conn.close()
	}
	if s.own != nil {
		s.own.stop()
	}
}
