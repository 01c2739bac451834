package sqlite

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
)

// Keys implements [pawl.KeyStore].
func (s *Store) Keys(ctx context.Context) (list []pawl.KeyRecord, err error) {
	err = s.reading(ctx, func(c *conn) error {
		list, err = readKeys(c)
		return err
	})
	return list, err
}

func readKeys(c *conn) (list []pawl.KeyRecord, err error) {
	err = c.query(`SELECT id, use, algorithm, sealed, created, signs_from, life FROM keys ORDER BY seq`, func(r row) error {
		list = append(list, pawl.KeyRecord{
			ID: r.text(0), Use: r.text(1), Algorithm: r.text(2), Sealed: r.blob(3),
			Created: fromMillis(r.int(4)), SignsFrom: fromMillis(r.int(5)),
			Life: time.Duration(r.int(6)) * time.Millisecond,
		})
		return nil
	})
	return list, err
}

const insertKey = `INSERT INTO keys (id, use, algorithm, sealed, created, signs_from, life) VALUES (?, ?, ?, ?, ?, ?, ?)`

// ReplaceKeys implements [pawl.KeyStore]. The list is short and seldom changes:
// all of it is written anew.
func (s *Store) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	return s.writing(ctx, func(c *conn) error {
		stored, err := readKeys(c)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(stored, from, sameKey) {
			return pawl.ErrConflict
		}
		if _, err := c.exec(`DELETE FROM keys`); err != nil {
			return err
		}
		for _, k := range to {
			_, err := c.exec(insertKey, k.ID, k.Use, k.Algorithm, k.Sealed, millis(k.Created), millis(k.SignsFrom), k.Life.Milliseconds())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sameKey(a, b pawl.KeyRecord) bool { return a.ID == b.ID && bytes.Equal(a.Sealed, b.Sealed) }
