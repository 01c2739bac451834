package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// stageOn is where the tour is shown: a terminal, or anything that is written
// to.
type stageOn struct {
	w      io.Writer
	colour bool
	pause  time.Duration
	enter  <-chan struct{} // the person goes on; nil where nobody can
}

const columns = 79

func newStageOn(a *app, pause time.Duration) *stageOn {
	s := &stageOn{w: a.stdout}
	if !onTerminal(a.stdout) {
		return s
	}
	s.colour = !slices.ContainsFunc(a.environ, func(entry string) bool {
		return strings.HasPrefix(entry, "NO_COLOR=") && entry != "NO_COLOR=" || entry == "TERM=dumb"
	})
	if pause > 0 && onTerminal(a.stdin) {
		s.pause, s.enter = pause, typed(a.stdin)
	}
	return s
}

// typed tells of each line that is typed. It ends with the process.
func typed(r io.Reader) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			c <- struct{}{}
		}
	}()
	return c
}

// wait lets the person read.
func (s *stageOn) wait(ctx context.Context) error {
	if s.pause == 0 {
		return ctx.Err()
	}
	fmt.Fprint(s.w, s.paint(dim, "Enter goes on "))
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.w)
		return ctx.Err()
	case <-s.enter:
		fmt.Fprintln(s.w)
	case <-timer.C:
		fmt.Fprintln(s.w)
	}
	return nil
}

// Colours (ECMA-48, SGR).
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (s *stageOn) paint(how, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

func (s *stageOn) opening(base string, steps int) {
	s.prose(fmt.Sprintf("A tour of Pawl in %d steps. A server runs at %s with data that is thrown away. What it is sent stands behind >, what it answers behind <; tokens are shortened.", steps, base))
}

func (s *stageOn) title(n, of int, title string) {
	fmt.Fprintf(s.w, "\n%s\n", s.paint(bold, fmt.Sprintf("%d/%d  %s", n, of, title)))
}

func (s *stageOn) prose(text string) {
	for _, line := range fold(text, " ", columns) {
		fmt.Fprintln(s.w, strings.TrimSpace(line))
	}
}

func (s *stageOn) meaning(text string) {
	fmt.Fprintln(s.w)
	for i, line := range fold(text, " ", columns-3) {
		mark := "   "
		if i == 0 {
			mark = s.paint(green, "✓  ")
		}
		fmt.Fprintln(s.w, mark+strings.TrimSpace(line))
	}
}

func (s *stageOn) failed(err error) {
	fmt.Fprintf(s.w, "\n%s\n", s.paint(red, "✗  This did not turn out as it should: "+err.Error()))
}

func (s *stageOn) closing() {
	fmt.Fprint(s.w, `
That was all, and every answer was as it should be. What to try next:

   pawl serve --demo        play yourself: a server, a person, lines to paste
   pawl bench               how fast this machine is at it
   docs/rotation.md         the whole rule, and what it costs honest people
   examples/ownusers        the same in your own program, with your own users

`)
}

func (s *stageOn) note(text string) { s.line("", text) }

// exchange shows a request and its answer.
func (s *stageOn) exchange(x exchange, r reply) {
	s.request(x, "")
	s.answer(r)
}

func (s *stageOn) request(x exchange, remark string) {
	fmt.Fprintln(s.w)
	if x.who != "" {
		s.note(x.who + ":")
	}
	if remark != "" {
		remark = "   (" + remark + ")"
	}
	s.line("> ", x.method+" "+x.path+remark)
	for _, h := range x.headers() {
		s.line("> ", h[0]+": "+shorten(h[1]))
	}
	if x.body != nil {
		b, _ := json.Marshal(x.body) // it was sent
		s.line("> ", shorten(string(b)))
	}
}

func (s *stageOn) answer(r reply) {
	s.line("< ", fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)))
	for _, set := range r.header.Values("Set-Cookie") {
		s.line("< ", "Set-Cookie: "+shorten(set))
	}
	if body := strings.TrimSpace(string(r.body)); body != "" {
		s.line("< ", shorten(body))
	}
}

// short shows an answer in one line.
func (s *stageOn) short(name string, r reply) {
	text := fmt.Sprintf("%s: %d %s", name, r.status, http.StatusText(r.status))
	if r.cookie != "" {
		text += fmt.Sprintf(", refresh token %s, generation %d", shorten(r.cookie), generationOf(r.cookie))
	}
	s.line("< ", text)
}

// line writes text behind a mark, folded where it is too long.
func (s *stageOn) line(mark, text string) {
	for i, part := range fold(printable(text), ", ", columns-3-len(mark)) {
		if i > 0 {
			part = "  " + part
		}
		fmt.Fprintln(s.w, s.paint(dim, "   "+mark+strings.TrimRight(part, " ")))
	}
}

// fold cuts text behind the characters at which it may be cut, so that no line
// is longer than width where that can be.
func fold(text, at string, width int) []string {
	var folded []string
	for utf8.RuneCountInString(text) > width {
		head := string([]rune(text)[:width-2]) // continued lines are indented by two
		cut := strings.LastIndexAny(head, at) + 1
		if cut == 0 {
			cut = len(head)
		}
		folded = append(folded, text[:cut])
		text = text[cut:]
	}
	return append(folded, text)
}

// tokenText matches compact tokens: base64url of `{"` begins with eyJ.
var tokenText = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// shorten keeps of each token how it begins, and its end, by which two can be
// told apart.
func shorten(text string) string {
	return tokenText.ReplaceAllStringFunc(text, func(t string) string { return t[:6] + "…" + t[len(t)-6:] })
}
