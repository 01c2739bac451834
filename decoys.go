package pawl

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/password"
)

// UserLister is what Users may have besides, as every UserStore has: with it the
// service learns what kinds of hashes are stored, so that an unknown login costs
// what one of them costs. Without it, an unknown login costs a hash with the
// Hasher's own parameters: where the table holds others, the time of an answer
// tells users who have such a hash from logins that do not exist.
type UserLister interface {
	// ListUsers returns at most q.Limit users in the byte order of SortKey.
	ListUsers(ctx context.Context, q UserQuery) ([]User, error)
}

const (
	// maxKinds bounds how many kinds of hashes are told apart: the most frequent.
	maxKinds = 32
	// Learning takes at most a hundredth of the time, and is done this often.
	learnShare            = 100
	learnSoon, learnLater = time.Minute, time.Hour
)

// decoys choose what is computed for a login without a hash (SECURITY 41). It is
// safe for concurrent use.
type decoys struct {
	secret [32]byte
	kinds  atomic.Pointer[[]kindOfHash]
}

// kindOfHash is a kind of stored hashes, by its decoy, and how many there are.
type kindOfHash struct {
	decoy string
	count int
}

func newDecoys(k MasterKey) *decoys {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte("pawl decoys 1"))
	return &decoys{secret: [32]byte(mac.Sum(nil))}
}

// of is the hash to check in place of the one that the folded login lacks; empty,
// as the Hasher's own, while none is known.
func (d *decoys) of(login string) string {
	kinds := d.kinds.Load()
	if kinds == nil {
		return ""
	}
	return choose(d.secret, *kinds, login)
}

// choose picks a kind for the login, each as often as it is stored, by weighted
// rendezvous hashing: as kinds come and go, as few logins as can be change theirs,
// and only away from kinds that grow rarer, as users do whose hash is upgraded.
func choose(secret [32]byte, kinds []kindOfHash, login string) (decoy string) {
	best := math.Inf(-1)
	for _, k := range kinds {
		mac := hmac.New(sha256.New, secret[:])
		mac.Write([]byte(k.decoy))
		mac.Write([]byte{0})
		mac.Write([]byte(login))
		// Evenly within 0 and 1, and neither.
		u := (float64(binary.LittleEndian.Uint64(mac.Sum(nil))>>11) + 0.5) / (1 << 53)
		if score := float64(k.count) / -math.Log(u); score > best {
			best, decoy = score, k.decoy
		}
	}
	return decoy
}

// learn counts the kinds of the hashes that are stored, page by page.
func (d *decoys) learn(ctx context.Context, users UserLister) error {
	counts := map[string]int{}
	after := ""
	for {
		page, err := users.ListUsers(ctx, UserQuery{After: after, Limit: pageSize})
		if err != nil {
			return err
		}
		for _, u := range page {
			if decoy, err := password.Decoy(u.PasswordHash); err == nil {
				counts[decoy]++
			}
		}
		if len(page) < pageSize {
			break
		}
		if after, err = page[len(page)-1].SortKey(); err != nil {
			return err
		}
		if err := pause(ctx, breath); err != nil {
			return err
		}
	}
	kinds := frequent(counts)
	d.kinds.Store(&kinds)
	return nil
}

// frequent returns the most frequent kinds.
func frequent(counts map[string]int) []kindOfHash {
	var kinds []kindOfHash
	for _, decoy := range slices.Sorted(maps.Keys(counts)) {
		kinds = append(kinds, kindOfHash{decoy, counts[decoy]})
	}
	slices.SortStableFunc(kinds, func(a, b kindOfHash) int { return cmp.Compare(b.count, a.count) })
	return kinds[:min(len(kinds), maxKinds)]
}

// learnHashes keeps learning, at once and then now and again, until the service is
// closed.
func (s *Service) learnHashes(ctx context.Context) {
	users, can := s.cfg.Users.(UserLister)
	if !can {
		return
	}
	s.done.Go(func() {
		for failing := false; ; {
			began := s.elapsed()
			err := s.decoys.learn(ctx, users)
			if ctx.Err() != nil {
				return
			}
			failing = s.noteTrouble("count the kinds of stored hashes", failing, err)
			if pause(ctx, min(max((s.elapsed()-began)*learnShare, learnSoon), learnLater)) != nil {
				return
			}
		}
	})
}
