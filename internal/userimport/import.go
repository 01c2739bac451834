package userimport

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"github.com/pawlauth/pawl"
)

// batch is how many people are added in one transaction: few enough that the
// sign-ins of a running server do not wait behind it for long.
const batch = 250

// Store is what an import needs.
type Store interface {
	pawl.UserStore
	pawl.SessionStore
}

// Importer puts people into a store. The zero value of the options adds those
// who are not there and leaves all others as they are.
type Importer struct {
	Store Store
	Now   func() time.Time // nil: time.Now

	Update             bool // make those who are there as the file has them
	OverwritePasswords bool // with Update: also the passwords that may have been chosen since
	DryRun             bool // write nothing; what is counted is what would be done

	// Bad is told of each line that was not taken, in the order of the file.
	Bad func(Entry) error
	// Progress is told from time to time how far the import is. Nil: nobody.
	Progress func(Counts)
	// Ended is told whose sessions were ended, and for which reason. Nil: nobody.
	Ended func(u pawl.User, reason string)
}

// Counts is how far an import is. Every line with a person is Bad or one of
// Added, Updated, Unchanged and Different.
type Counts struct {
	Lines     int // with a person
	Added     int
	Updated   int
	Unchanged int // were there, as the file has them
	Different int // were there otherwise, and were left so for want of Update
	Bad       int

	NoPassword int // of those added: they cannot sign in until they set one
	Promoted   int // became administrators, and lost the password that they had
	Kept       int // passwords that differ from the file's and were left, as their owners may have chosen them since
}

// run is one import under way.
type run struct {
	*Importer
	counts Counts
	seed   maphash.Seed
	seen   map[uint64]int32 // hash of the login → line
}

// Import takes everything that r gives. It returns when all of it is durable,
// or with the first error of the store, the file or ctx; what was done until
// then is in the counts, and stays. The same file can be imported again.
func (im *Importer) Import(ctx context.Context, r *Reader) (Counts, error) {
	if im.Now == nil {
		im.Now = time.Now
	}
	run := &run{Importer: im, seed: maphash.MakeSeed(), seen: map[uint64]int32{}}
	for {
		entries, readErr := run.read(ctx, r)
		err := run.take(ctx, entries)
		if err == nil {
			err = run.report(entries)
		}
		if im.Progress != nil {
			im.Progress(run.counts)
		}
		switch {
		case err != nil:
			return run.counts, err
		case errors.Is(readErr, io.EOF):
			return run.counts, nil
		case readErr != nil:
			return run.counts, readErr
		}
	}
}

// read gives the next people, and an error where there are no more.
func (r *run) read(ctx context.Context, from *Reader) (entries []*Entry, err error) {
	for len(entries) < batch {
		if err := ctx.Err(); err != nil {
			return entries, err
		}
		e, err := from.Next()
		if err != nil {
			return entries, err
		}
		r.once(&e)
		entries = append(entries, &e)
	}
	return entries, nil
}

// once refuses a login or subject that the file had before. It keeps 64 bits of
// each: of ten million people, two have the same by chance with a probability of
// three in a million, and are then reported, not lost; the next run hashes
// otherwise.
func (r *run) once(e *Entry) {
	if e.Err != nil {
		return
	}
	login := maphash.String(r.seed, "userId "+e.User.Login)
	subject := maphash.String(r.seed, "subject "+e.User.ID)
	if first, found := r.seen[login]; found {
		e.Err = fmt.Errorf("userId is that of line %d already", first)
	} else if first, found := r.seen[subject]; found && e.Given.Subject {
		e.Err = fmt.Errorf("subject is that of line %d already", first)
	}
	if e.Err != nil {
		return
	}
	r.seen[login] = int32(e.Line)
	if e.Given.Subject {
		r.seen[subject] = int32(e.Line)
	}
}

// take adds those who are not there, all in one step, and settles the others
// one by one.
func (r *run) take(ctx context.Context, entries []*Entry) error {
	var good []*Entry
	for _, e := range entries {
		if e.Err == nil {
			good = append(good, e)
		}
	}
	// A batch that was begun is finished: it is short.
	ctx = context.WithoutCancel(ctx)
	there, err := r.add(ctx, good)
	if err != nil {
		return err
	}
	for i, e := range good {
		if !there[i] {
			r.counts.Added++
			if e.User.PasswordHash == "" {
				r.counts.NoPassword++
			}
			continue
		}
		if err := r.settle(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// report counts, and tells of what is wrong.
func (r *run) report(entries []*Entry) error {
	for _, e := range entries {
		r.counts.Lines++
		if e.Err == nil {
			continue
		}
		r.counts.Bad++
		if err := r.Bad(*e); err != nil {
			return err
		}
	}
	return nil
}
