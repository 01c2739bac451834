package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
)

type tourCmd struct {
	Pause time.Duration `default:"12s" placeholder:"DURATION" help:"How long to wait after each step, on a terminal; Enter goes on at once. 0s: not at all. Default: ${default}."`
}

func (tourCmd) Help() string {
	return `A tour of two minutes. It starts a server on a free port of this machine, with data that is thrown away, and plays a person, their tabs and a thief against it: every request and answer that you see is real, with its tokens shortened. It checks each answer, and its exit code is 0 only if all is as it says.

To play yourself: pawl serve --demo

Examples:

    pawl demo
    pawl demo --pause 0s | less`
}

// tourWindow is short, so that nobody waits long for what happens after it.
const tourWindow = time.Second

// tourSettings leave time to read: nothing expires while one does.
var tourSettings = map[string]string{
	"listen": "127.0.0.1:0", "reuse_window": tourWindow.String(),
	"access_ttl": "30m", "refresh_ttl": "336h", "session_ttl": "2160h",
}

func (c *tourCmd) Run(a *app) (err error) {
	if a.file != "" {
		return usagef("demo takes no configuration file")
	}
	if c.Pause < 0 {
		return usagef("--pause must not be negative")
	}
	ctx, stop := untilSignal()
	defer stop()
	log := new(alarms)
	base, closeAll, err := openTour(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	out := newStageOn(a, c.Pause)
	t := newTour(ctx, base, tourWindow, out)
	t.log = log
	if err := t.run(); err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped by a signal before the tour was over")
		}
		return err
	}
	return nil
}

// alarms keeps what the server's log says at warn and above.
type alarms struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (a *alarms) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.Write(p)
}

// line gives the first line that holds the text, without its time.
func (a *alarms) line(text string) string {
	if a == nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for line := range strings.Lines(a.text.String()) {
		if strings.Contains(line, text) {
			_, line, _ = strings.Cut(line, " ")
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// openTour starts the server that is toured, with its log.
func openTour(ctx context.Context, log io.Writer) (base string, closeAll func() error, err error) {
	dir, err := os.MkdirTemp("", "pawl-tour-")
	if err != nil {
		return "", nil, err
	}
	undo := []func() error{func() error { return os.RemoveAll(dir) }}
	closeAll = func() (err error) {
		for i := len(undo) - 1; i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	cfg, err := demoConfig(dir, tourSettings)
	if err != nil {
		return "", nil, err
	}
	l, err := listen(cfg.Listen, "")
	if err != nil {
		return "", nil, err
	}
	undo = append(undo, func() error { _ = l.Close(); return nil }) // closed by the server, if it came so far
	cfg = cfg.IssuerAt(l.Addr())
	logger := (&app{stderr: log}).newLog(cfg)
	svc, closeService, err := openService(ctx, cfg, logger, nil)
	if err != nil {
		return "", nil, err
	}
	undo = append(undo, closeService)
	srv, err := newServer(svc, cfg, logger, nil)
	if err != nil {
		return "", nil, err
	}
	if _, err := svc.CreateUser(ctx, pawl.NewUser{Login: demoLogin, Password: demoPassword}); err != nil {
		return "", nil, err
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx)) // a signal ends the tour first, then the server
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(serving, srv, l, cfg.ShutdownTimeout) }()
	undo = append(undo, func() error { end(); return <-served })
	return cfg.Issuer, closeAll, nil
}

// tour plays a person, their tabs and a thief.
type tour struct {
	*tourClient
	out    *stageOn
	ctx    context.Context
	window time.Duration
	log    *alarms // of the server; nil: not known
	key    string  // of the person's browser: one Idempotency-Key for all its tabs
	cookie string  // what the person's browser holds
	access string
}

func newTour(ctx context.Context, base string, window time.Duration, out *stageOn) *tour {
	return &tour{tourClient: newTourClient(ctx, base), ctx: ctx, out: out, window: window}
}

// act is one step: what it is called, what will happen, the happening, and what
// it means. Do says how it was otherwise.
type act struct {
	title, before string
	do            func() error
	after         string
}

func (t *tour) run() error {
	acts := t.acts()
	t.out.opening(t.base, len(acts))
	for i, act := range acts {
		t.out.title(i+1, len(acts), act.title)
		t.out.prose(act.before)
		if err := act.do(); err != nil {
			t.out.failed(err)
			return fmt.Errorf("step %d, %q, did not turn out as it should: %w", i+1, act.title, err)
		}
		t.out.meaning(act.after)
		if err := t.out.wait(t.ctx); err != nil {
			return err
		}
	}
	t.out.closing()
	return nil
}

// pastWindow waits until the reuse window of the last rotation is over.
func (t *tour) pastWindow() error {
	timer := time.NewTimer(t.window + t.window/10)
	defer timer.Stop()
	select {
	case <-t.ctx.Done():
		return t.ctx.Err()
	case <-timer.C:
		return nil
	}
}
