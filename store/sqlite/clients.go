package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pawlauth/pawl"
)

// AddClient implements [pawl.ClientStore].
func (s *Store) AddClient(ctx context.Context, cl pawl.RegisteredClient) error {
	scopes, err := json.Marshal(append([]string{}, cl.Scopes...))
	if err != nil {
		return err
	}
	return s.writing(ctx, func(c *conn) error {
		n, err := c.exec(`INSERT INTO clients (id, secret, scopes, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			cl.ID, cl.Secret[:], string(scopes), millis(cl.Created))
		if err == nil && n == 0 {
			return pawl.ErrConflict
		}
		return err
	})
}

const selectClient = `SELECT id, secret, scopes, created FROM clients `

// ClientByID implements [pawl.ClientStore].
func (s *Store) ClientByID(ctx context.Context, id string) (pawl.RegisteredClient, error) {
	list, err := s.clients(ctx, selectClient+`WHERE id = ?`, id)
	if err == nil && len(list) == 0 {
		err = pawl.ErrNotFound
	}
	if err != nil {
		return pawl.RegisteredClient{}, err
	}
	return list[0], nil
}

// ListClients implements [pawl.ClientStore].
func (s *Store) ListClients(ctx context.Context) ([]pawl.RegisteredClient, error) {
	return s.clients(ctx, selectClient+`ORDER BY id`)
}

func (s *Store) clients(ctx context.Context, query string, args ...any) (list []pawl.RegisteredClient, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.query(query, func(r row) error {
			cl := pawl.RegisteredClient{ID: r.text(0), Created: fromMillis(r.int(3))}
			copy(cl.Secret[:], r.blob(1))
			if err := json.Unmarshal([]byte(r.text(2)), &cl.Scopes); err != nil {
				return fmt.Errorf("the scopes of client %s: %w", cl.ID, err)
			}
			list = append(list, cl)
			return nil
		}, args...)
	})
	return list, err
}

// RemoveClient implements [pawl.ClientStore].
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	return s.writing(ctx, func(c *conn) error {
		n, err := c.exec(`DELETE FROM clients WHERE id = ?`, id)
		if err == nil && n == 0 {
			return pawl.ErrNotFound
		}
		return err
	})
}
