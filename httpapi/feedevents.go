package httpapi

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// appendRetry tells browsers' EventSource, and who does as it, when to come
// back: at once, as nothing is kept back for them.
func appendRetry(b []byte) []byte { return append(b, "retry: 1000\n\n"...) }

func appendPage(b []byte, page pawl.RevocationPage) []byte {
	if page.Reset {
		b = appendEvent(b, api.FeedReset, "", struct{}{})
	}
	for _, e := range page.Entries {
		entry := api.FeedEntry{Kind: e.Kind, ID: e.ID, Reason: e.Reason, At: e.At}
		if e.Kind != token.KindSession {
			entry.NotBefore = &e.NotBefore
		}
		b = appendEvent(b, api.FeedRevoked, e.Cursor, entry)
	}
	return b
}

// appendKeys names the keys that are published: a secret one is nobody's
// business.
func appendKeys(b []byte, keys *token.KeySet) []byte {
	set := api.FeedKeySet{KeyIDs: []string{}}
	for _, k := range keys.Keys() {
		if k.Algorithm() != token.HS256 {
			set.KeyIDs = append(set.KeyIDs, k.ID())
		}
	}
	return appendEvent(b, api.FeedKeys, "", set)
}

// appendNow says that all up to the cursor was told, and that this was all there
// was at now.
func (f *feed) appendNow(b []byte, cursor string, now time.Time) []byte {
	return appendEvent(b, api.FeedCurrent, cursor, api.FeedNow{
		Time: now, KeepSeconds: int64((f.svc.RevocationsKept() + time.Second - 1) / time.Second),
	})
}

// appendEvent writes one event. JSON has no line breaks of its own; a cursor
// that had one would break the stream, and is left out: whoever resumes gets
// more than they need.
func appendEvent(b []byte, name, id string, data any) []byte {
	b = append(append(b, "event: "...), name...)
	if id != "" && !strings.ContainsAny(id, "\r\n\x00") {
		b = append(append(b, "\nid: "...), id...)
	}
	b = append(b, "\ndata: "...)
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // none of these types can fail
	}
	return append(append(b, text...), "\n\n"...)
}
