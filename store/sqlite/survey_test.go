package sqlite

import (
	"context"
	"errors"
	"testing"

	"github.com/pawlauth/pawl"
)

// While somebody looks at a whole table, others who want to do so wait, and
// requests do not.
func TestOneLooksAtAWholeTableAtATime(t *testing.T) {
	s := openTest(t)
	if err := s.CreateUser(t.Context(), pawl.User{ID: "1", Login: "anna"}); err != nil {
		t.Fatal(err)
	}
	surveys := map[string]func(context.Context) error{
		"search": func(ctx context.Context) error {
			_, err := s.ListUsers(ctx, pawl.UserQuery{Search: "x", Limit: 1})
			return err
		},
		"count": func(ctx context.Context) error { _, err := s.CountLive(ctx, noon); return err },
		"audit": func(ctx context.Context) error {
			_, err := s.Audit(ctx, pawl.AuditQuery{Kind: "x"})
			return err
		},
	}
	s.long <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := map[string]chan error{}
	for name, look := range surveys {
		waiting[name] = make(chan error, 1)
		result := waiting[name]
		go func() { result <- look(ctx) }()
	}
	for range 500 {
		if _, err := s.ByID(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ListUsers(t.Context(), pawl.UserQuery{Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for name := range surveys {
		if err := <-waiting[name]; !errors.Is(err, context.Canceled) {
			t.Errorf("%s did not wait: %v", name, err)
		}
	}
	<-s.long
	for name, look := range surveys {
		if err := look(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
