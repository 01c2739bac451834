package guard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEvent bounds an event, in bytes: the longest of Pawl's has the 64 kids of a
// full key set.
const maxEvent = 64 << 10

// An event of a stream of server-sent events (WHATWG HTML section 9.2.6). data
// is good until the next one.
type event struct {
	name, id string
	data     []byte
}

var errEnded = errors.New("the feed ended")

// readEvents calls f with each event until the stream ends, f fails, or
// something in it is too long.
func readEvents(body io.Reader, f func(event) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4<<10), maxEvent)
	var e event
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if e.name != "" {
				if err := f(e); err != nil {
					return err
				}
			}
			e = event{data: e.data[:0]}
			continue
		}
		if err := e.add(line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	return errEnded
}

// add takes a line into the event. What is not known is ignored.
func (e *event) add(line []byte) error {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.name = string(value)
	case "id":
		e.id = string(value)
	case "data":
		if len(e.data)+len(value) > maxEvent {
			return fmt.Errorf("read the feed: an event of more than %d bytes", maxEvent)
		}
		if len(e.data) > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
	}
	return nil
}

// readSome reads the body of a refusal.
func readSome(body io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(body, maxEvent)) // what is missing was about what failed
	return b
}
