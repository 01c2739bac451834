package sqlite

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

// Keys implements [pawl.KeyStore].
func (s *Store) Keys(ctx context.Context) (list []pawl.KeyRecord, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.query(`SELECT id, use, algorithm, sealed, created, signs_from, life FROM keys ORDER BY seq`, func(r row) error {
			list = append(list, pawl.KeyRecord{
				ID: r.text(0), Use: r.text(1), Algorithm: r.text(2), Sealed: r.blob(3),
				Created: fromMillis(r.int(4)), SignsFrom: fromMillis(r.int(5)),
				Life: time.Duration(r.int(6)) * time.Millisecond,
			})
			return nil
		})
	})
	return list, err
}

// insertKey adds a key if ?8 is the newest of its use, and the ID is new.
const insertKey = `INSERT INTO keys (id, use, algorithm, sealed, created, signs_from, life)
	SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
	WHERE ifnull((SELECT id FROM keys WHERE use = ?2 ORDER BY seq DESC LIMIT 1), '') = ?8
	AND NOT EXISTS (SELECT 1 FROM keys WHERE id = ?1)`

// AddKey implements [pawl.KeyStore].
func (s *Store) AddKey(ctx context.Context, k pawl.KeyRecord, latest string) error {
	return s.writing(ctx, func(c *conn) error {
		added, err := c.exec(insertKey, k.ID, k.Use, k.Algorithm, k.Sealed, millis(k.Created), millis(k.SignsFrom), k.Life.Milliseconds(), latest)
		if err == nil && added == 0 {
			return pawl.ErrConflict
		}
		return err
	})
}

// RemoveKey implements [pawl.KeyStore].
func (s *Store) RemoveKey(ctx context.Context, id string) error {
	return s.writing(ctx, func(c *conn) error {
		removed, err := c.exec(`DELETE FROM keys WHERE id = ?`, id)
		if err == nil && removed == 0 {
			return pawl.ErrNotFound
		}
		return err
	})
}
