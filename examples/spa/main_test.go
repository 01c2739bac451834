package main

import (
	"context"
	"net"
	"testing"

	"github.com/pawlauth/pawl/internal/browsertest"
)

func TestEachButtonDoesWhatItSays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, l) }()
	defer func() {
		stop()
		if err := <-done; err != nil && !t.Skipped() { // then it may not have begun
			t.Error(err)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	browsertest.Run(t, browsertest.Scenario{File: "testdata/spa.mjs", Input: map[string]string{"url": "http://localhost:" + port}})
}
