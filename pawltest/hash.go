package pawltest

import (
	"context"
	"sync"
	"testing"

	"github.com/pawlauth/pawl/password"
)

// hasher is one for the process: a hash takes 19 MiB, and tests run in
// parallel.
var hasher = sync.OnceValue(func() *password.Hasher {
	h, err := password.New(password.Options{})
	if err != nil {
		panic(err) // the defaults are always good
	}
	return h
})

var hashes sync.Map // password → hash

// hash gives a hash of the password, made once in a process.
func hash(t testing.TB, pw string) string {
	t.Helper()
	if h, ok := hashes.Load(pw); ok {
		return h.(string)
	}
	h, err := hasher().Hash(context.Background(), pw)
	if err != nil {
		t.Fatalf("pawltest: hash: %v", err)
	}
	hashes.Store(pw, h)
	return h
}
