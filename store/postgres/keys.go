package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// Keys implements [pawl.KeyStore].
func (s *Store) Keys(ctx context.Context) (list []pawl.KeyRecord, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		list, err = readKeys(ctx, c)
		return err
	})
	return list, err
}

func readKeys(ctx context.Context, q querier) (list []pawl.KeyRecord, err error) {
	rows, err := q.Query(ctx, `SELECT id, use, algorithm, sealed, created, signs_from, life FROM pawl.keys ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	var id, use, algorithm, sealed text
	var created, signsFrom, life number
	_, err = pgx.ForEachRow(rows, []any{&id, &use, &algorithm, &sealed, &created, &signsFrom, &life}, func() error {
		list = append(list, pawl.KeyRecord{
			ID: string(id), Use: string(use), Algorithm: string(algorithm), Sealed: []byte(sealed),
			Created: fromMillis(created), SignsFrom: fromMillis(signsFrom), Life: time.Duration(life) * time.Millisecond,
		})
		return nil
	})
	return list, err
}

const insertKey = `INSERT INTO pawl.keys (id, use, algorithm, sealed, created, signs_from, life) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// ReplaceKeys implements [pawl.KeyStore]. The list is short and seldom changes:
// all of it is written anew.
func (s *Store) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lock(ctx, tx, lockKeys, 0); err != nil {
			return err
		}
		stored, err := readKeys(ctx, tx)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(stored, from, sameKey) {
			return pawl.ErrConflict
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pawl.keys`); err != nil {
			return err
		}
		for _, k := range to {
			_, err := tx.Exec(ctx, insertKey, []byte(k.ID), []byte(k.Use), []byte(k.Algorithm), append([]byte{}, k.Sealed...),
				millis(k.Created), millis(k.SignsFrom), k.Life.Milliseconds())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sameKey(a, b pawl.KeyRecord) bool { return a.ID == b.ID && bytes.Equal(a.Sealed, b.Sealed) }
