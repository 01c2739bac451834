package api_test

import (
	"testing"

	"github.com/pawlauth/pawl/api"
)

func TestThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "LOCALHOST.": false, "0.0.0.0": false, "::": false,
		"10.0.0.1": false, "192.0.2.7": false, "127.0.0.1.example.com": false, "127.1": false, "127.0.0.1:80": false,
	} {
		if got := api.ThisMachine(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
