package password_test

import (
	"context"
	"fmt"

	"github.com/pawlauth/pawl/password"
)

func ExamplePolicy_Check() {
	var policy password.Policy
	for _, pw := range []string{"hunter2", "Password2024", "alice-alice-alice", "plum harbour quartz"} {
		fmt.Println(policy.Check(pw, "alice@example.com"))
	}
	// Output:
	// This password has 7 characters. Use at least 12, for example several unrelated words.
	// This password is a common one, perhaps with little added. Use several unrelated words, or let a password manager choose.
	// This password is little more than your name, your address or the name of this service. Use several words that have nothing to do with them.
	// <nil>
}

// A hash imported from Spring is replaced at the first sign-in.
func ExampleHasher_Verify() {
	h, err := password.New(password.Options{})
	if err != nil {
		panic(err)
	}
	stored := "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG"
	ok, upgraded, err := h.Verify(context.Background(), stored, "password")
	fmt.Println(ok, upgraded[:31], err)
	// Output:
	// true $argon2id$v=19$m=19456,t=2,p=1$ <nil>
}
