package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// entry says in plain words what happened.
type entry struct {
	Who  string `json:"who"` // pawl, api, network, time, thief, you
	Text string `json:"text"`
}

// journal keeps what happened since the start, and tells whoever listens. The
// zero value is ready.
type journal struct {
	mu      sync.Mutex
	entries []entry
	news    chan struct{} // closed when there is more; nil: nobody waits
}

func (j *journal) add(who, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry{who, text})
	if j.news != nil {
		close(j.news)
		j.news = nil
	}
}

// since gives what came after the first n entries, and a channel that is closed
// when there is more.
func (j *journal) since(n int) ([]entry, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.news == nil {
		j.news = make(chan struct{})
	}
	return j.entries[n:], j.news
}

// serve tells from now on, as server-sent events.
func (j *journal) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	j.mu.Lock()
	n := len(j.entries)
	j.mu.Unlock()
	for {
		entries, more := j.since(n)
		n += len(entries)
		for _, e := range entries {
			text, _ := json.Marshal(e) // two strings
			fmt.Fprintf(w, "data: %s\n\n", text)
		}
		if control.Flush() != nil {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// rows are the rows of the rotation table, as a person may read them.
var rows = map[int]string{
	4: "Pawl gives a new access token. The refresh token is young and stays as it is (row 4).",
	5: "Pawl gives a new access token. The refresh token turns: the one before is used up (row 5).",
	6: "The token before comes back, and it is a retry: Pawl sends the same new tokens again (row 6).",
}

// event is what Pawl tells of itself.
func (j *journal) event(_ context.Context, e pawl.Event) {
	switch e.Kind {
	case pawl.EventSignIn:
		if e.Client.Agent != "a phone" {
			j.add("pawl", "Anna signs in. The refresh token goes into a cookie that no script can read, the access token to the page.")
		}
	case pawl.EventReissue:
		j.add("pawl", rows[e.Row])
	case pawl.EventReused:
		j.add("pawl", "A used refresh token comes back, and nothing shows that it is a retry. Two parties hold the session: it ends for both (row 7).")
	case pawl.EventReissueRefused:
		j.add("pawl", "No new tokens: "+api.LoginRequired(e.Reason).Detail)
	case pawl.EventSessionEnded:
		j.add("pawl", "The session is over. Its access tokens stop working now, not when they expire.")
	}
}

// watch tells what the application's API answers.
func (j *journal) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(sw, r)
		switch {
		case sw.status == http.StatusOK:
			j.add("api", "The orders' API checks the access token by itself, and answers.")
		case r.Header.Get("Authorization") == "":
			j.add("api", "The orders' API refuses: no token came.")
		default:
			j.add("api", "The orders' API refuses the access token.")
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
