package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// AddClient implements [pawl.ClientStore].
func (s *Store) AddClient(ctx context.Context, cl pawl.RegisteredClient) error {
	scopes, err := json.Marshal(append([]string{}, cl.Scopes...))
	if err != nil {
		return err
	}
	return s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, `INSERT INTO pawl.clients (id, secret, scopes, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			[]byte(cl.ID), cl.Secret[:], scopes, millis(cl.Created))
		if err == nil && tag.RowsAffected() == 0 {
			return pawl.ErrConflict
		}
		return err
	})
}

const selectClient = `SELECT id, secret, scopes, created FROM pawl.clients `

// ClientByID implements [pawl.ClientStore].
func (s *Store) ClientByID(ctx context.Context, id string) (pawl.RegisteredClient, error) {
	list, err := s.clients(ctx, selectClient+`WHERE id = $1`, []byte(id))
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
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		list = nil
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var id, secret, scopes text
		var created number
		_, err = pgx.ForEachRow(rows, []any{&id, &secret, &scopes, &created}, func() error {
			cl := pawl.RegisteredClient{ID: string(id), Created: fromMillis(created)}
			copy(cl.Secret[:], secret)
			if err := json.Unmarshal([]byte(scopes), &cl.Scopes); err != nil {
				return fmt.Errorf("the scopes of client %s: %w", cl.ID, err)
			}
			list = append(list, cl)
			return nil
		})
		return err
	})
	return list, err
}

// RemoveClient implements [pawl.ClientStore].
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	return s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, `DELETE FROM pawl.clients WHERE id = $1`, []byte(id))
		if err == nil && tag.RowsAffected() == 0 {
			return pawl.ErrNotFound
		}
		return err
	})
}
