package webui_test

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl"
)

// broken is a session store that can be made to fail.
type broken struct {
	pawl.SessionStore
	on bool
}

var errDown = errors.New("the store is down")

func (b *broken) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	if b.on {
		return pawl.Mark{}, errDown
	}
	return b.SessionStore.Mark(ctx, user)
}

func (b *broken) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if b.on {
		return false, errDown
	}
	return b.SessionStore.End(ctx, k, reason, at)
}
