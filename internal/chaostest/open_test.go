package chaostest

import (
	"context"

	"github.com/pawlauth/pawl/store/sqlite"
)

// open opens the stores by their URLs.
func (r role) open(ctx context.Context) (stores, error) {
	s := stores{now: r.clock}
	db, err := sqlite.Open(ctx, r.Database, sqlite.Options{})
	if err != nil {
		return s, err
	}
	s.database, s.sessions = db, db
	return s, nil
}
