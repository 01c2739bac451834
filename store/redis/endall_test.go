package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func openTest(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func logOf(t *testing.T, s *Store) []pawl.LoggedEnd {
	t.Helper()
	page, err := s.Revocations(t.Context(), "", 1000)
	if err != nil || page.More {
		t.Fatal(page, err)
	}
	return page.Entries
}

// An end of everyone's sessions that was cut short is finished by a sweep, not
// while it may be under way, and once.
func TestAnEndOfEveryoneThatIsCutShort(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t).URL)
	rec := storetest.NewSession("u", noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, begun := range []time.Time{now, now.Add(-2 * endingPatience)} {
		note := decimal(millis(begun)) + " " + decimal(millis(noon)) + " " + api.ReasonEndedByAdmin + " 1"
		bump := call{bumpScript, []string{s.layout.everyone(home), s.layout.ending()}, []string{decimal(seconds(noon)), api.ReasonEndedByAdmin, note}}
		if err := s.do(t.Context(), bump).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if len(logOf(t, s)) != 0 {
		t.Fatal("it was not cut short")
	}
	for pass := range 2 {
		if _, err := s.Sweep(t.Context(), noon.Add(-time.Duration(pass)*time.Hour), noon.Add(-time.Hour), 10); err != nil {
			t.Fatal(err)
		}
		log := logOf(t, s)
		if len(log) != 1 || log[0].Kind != token.KindAll || !log[0].NotBefore.Equal(noon) || log[0].Reason != api.ReasonEndedByAdmin {
			t.Errorf("pass %d: %+v", pass, log)
		}
	}
	got, mark, err := s.Get(t.Context(), rec.SessionKey)
	if err != nil || got.Live(mark, noon) {
		t.Errorf("%+v lives, %v", got, err)
	}
}

// Sessions that began since go on: what was cut short is completed as it was begun,
// and so is what was complete, where a fail-over has brought its note back.
func TestToFinishAnEndOfEveryoneEndsNothingThatBeganSince(t *testing.T) {
	for name, move := range map[string]func(*Store, call) error{
		"cut short": func(s *Store, bump call) error { return s.do(t.Context(), bump).Error() },
		"brought back": func(s *Store, bump call) error {
			if _, err := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon); err != nil {
				return err
			}
			return s.client.Do(t.Context(), s.client.B().Hset().Key(s.layout.ending()).FieldValue().FieldValue(bump.args[2], "").Build()).Error()
		},
		"only the note is left": func(s *Store, bump call) error {
			return s.client.Do(t.Context(), s.client.B().Hset().Key(s.layout.ending()).FieldValue().FieldValue(bump.args[2], "").Build()).Error()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := servertest.StartRedis(t)
			s := openTest(t, server.URL)
			now, err := s.Now(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			note := decimal(millis(now.Add(-2*endingPatience))) + " " + decimal(millis(noon)) + " " + api.ReasonEndedByAdmin + " 1"
			if err := move(s, call{bumpScript, []string{s.layout.everyone(home), s.layout.ending()}, []string{decimal(seconds(noon)), api.ReasonEndedByAdmin, note}}); err != nil {
				t.Fatal(err)
			}
			var since []pawl.SessionKey
			for i := range 100 { // in every partition
				rec := storetest.NewSession(fmt.Sprint("u", i), noon.Add(time.Minute))
				mark, err := s.Mark(t.Context(), rec.User)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Create(t.Context(), rec, mark, 0); err != nil {
					t.Fatal(err)
				}
				since = append(since, rec.SessionKey)
			}
			if _, err := s.Sweep(t.Context(), noon, noon.Add(-time.Hour), 10); err != nil {
				t.Fatal(err)
			}
			for _, k := range since {
				if got, mark, err := s.Get(t.Context(), k); err != nil || !got.Live(mark, noon) {
					t.Errorf("a session that began since is ended: %v, %v", mark, err)
				}
			}
			if n := server.Do("HLEN", s.layout.ending()); n != "0" {
				t.Errorf("%s notes are left", n)
			}
		})
	}
}

// A call that is given up halfway leaves something to finish, or has done it.
func TestAnEndOfEveryoneThatIsGivenUp(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t).URL)
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*300*time.Microsecond)
		_, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	marks := map[pawl.Mark]bool{}
	if _, err := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon); err != nil { // again: that makes all alike
		t.Fatal(err)
	}
	for p := range partitions {
		packed, err := s.client.Do(t.Context(), s.client.B().Hget().Key(s.layout.everyone(p)).Field("m").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		m, err := readMark(packed)
		if err != nil {
			t.Fatal(err)
		}
		marks[m] = true
	}
	if len(marks) != 1 {
		t.Errorf("the partitions differ: %v", marks)
	}
}

// SECURITY 86: each partition's log has everyone's end, so that one that loses the end shows it.
func TestEveryonesEndIsInEveryLog(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	if _, err := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon); err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		if n := server.Do("XLEN", s.layout.log(p)); n != "1" {
			t.Errorf("partition %d: %s entries", p, n)
		}
	}
	page := after(t, s, "", 1)
	if len(page.Entries) != 1 || page.More {
		t.Errorf("it is given more than once: %+v", page)
	}
	const lost = 7 // as after a fail-over
	server.Do("DEL", s.layout.log(lost), s.layout.head(lost), s.layout.everyone(lost))
	if page := after(t, s, page.Cursor, 1); !page.Reset {
		t.Errorf("a partition has lost it: %+v", page)
	}
	e := page.Entries[0]
	if wrote, err := s.EndAgain(t.Context(), e, false); !wrote || err != nil {
		t.Error(wrote, err)
	}
	if wrote, err := s.EndAgain(t.Context(), e, false); wrote || err != nil {
		t.Error(wrote, err)
	}
	for p, want := range map[int]string{lost: "1", lost + 1: "1"} {
		if n := server.Do("XLEN", s.layout.log(p)); n != want {
			t.Errorf("partition %d: %s entries", p, n)
		}
	}
}

// To finish what was cut short before a complete end would end what began since.
func TestACompleteEndOfEveryoneStrikesEarlierNotes(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t).URL)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	note := decimal(millis(now.Add(-2*endingPatience))) + " " + decimal(millis(noon)) + " " + api.ReasonEndedByAdmin + " 1"
	bump := call{bumpScript, []string{s.layout.everyone(home), s.layout.ending()}, []string{decimal(seconds(noon)), api.ReasonEndedByAdmin, note}}
	if err := s.do(t.Context(), bump).Error(); err != nil {
		t.Fatal(err)
	}
	mark, err := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon)
	if err != nil {
		t.Fatal(err)
	}
	rec := storetest.NewSession("u", noon.Add(time.Minute))
	if _, err := s.Create(t.Context(), rec, mark, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context(), noon, noon.Add(-time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	if got, mark, err := s.Get(t.Context(), rec.SessionKey); err != nil || !got.Live(mark, noon) {
		t.Errorf("a session that began since is ended: %v, %v", mark, err)
	}
}
