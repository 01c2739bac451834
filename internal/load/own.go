package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	startWithin = 30 * time.Second
	stopWithin  = 15 * time.Second
	ownWindow   = time.Minute
)

// ownServer is a pawl process that this one has started, with data that is
// thrown away.
type ownServer struct {
	address  string
	dir      string
	ground   *ground
	subjects []string // of the seeded people
	cmd      *exec.Cmd
	stderr   bytes.Buffer // to be read once it has ended
	ended    chan struct{}
}

// startOwn runs the program as a server on a fresh database that holds so many
// people and sessions of others, where the target says. Without a window every reissue advances.
func startOwn(ctx context.Context, t Target, window bool, people, sessions int) (s *ownServer, err error) {
	dir, err := os.MkdirTemp("", "pawl-bench-")
	if err != nil {
		return nil, err
	}
	s = &ownServer{dir: dir, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	data := filepath.Join(dir, "data")
	if err = os.Mkdir(data, 0o700); err != nil {
		return s, err
	}
	if s.ground, err = t.Grounds.settle(ctx, data); err != nil {
		return s, err
	}
	if s.subjects, err = seed(ctx, s.ground.cfg, people, sessions); err != nil {
		return s, err
	}
	if s.address, err = freeAddress(ctx); err != nil {
		return s, err
	}
	config := filepath.Join(dir, "pawl.yaml")
	if err = os.WriteFile(config, []byte(s.config(data, window)), 0o600); err != nil {
		return s, err
	}
	if err = s.spawn(t.Program, config); err != nil {
		return s, err
	}
	return s, s.awaitReady(ctx)
}

func (s *ownServer) config(data string, window bool) string {
	text := fmt.Sprintf("listen: %s\nissuer: http://%[1]s\ndata_dir: %q\ndatabase: %q\nsessions: %q\nlog_level: warn\nsign_ins_per_account: 0\nunsafe_http_cookies: true\n",
		s.address, data, s.ground.cfg.Database.Reveal(), s.ground.cfg.Sessions.Reveal())
	if window {
		return text + fmt.Sprintf("reuse_window: %v\n", ownWindow)
	}
	return text + "unsafe_reuse_window: 0s\n"
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// spawn starts the process. It must not take settings for another server from
// the environment, nor the signal that a terminal sends to all of a command's
// processes: it would be gone before the last answers are counted.
func (s *ownServer) spawn(program, config string) error {
	s.cmd = exec.Command(program, "serve", "--config", config)
	s.cmd.Args[0] = "pawl"
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PAWL_") {
			s.cmd.Env = append(s.cmd.Env, entry)
		}
	}
	s.cmd.Stderr = &s.stderr
	s.cmd.SysProcAttr = detached()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the child is told of the end of this thread
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
			close(s.ended)
		}
	}()
	err := <-started
	if err != nil {
		s.cmd = nil
	}
	return err
}

func (s *ownServer) awaitReady(ctx context.Context) error {
	c := conn{endpoint: endpoint{host: s.address, address: s.address}, timeout: startWithin, ctx: ctx}
	defer c.close()
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline); {
		if a, err := c.do(request{method: "GET", path: "/readyz"}); err == nil && a.status == 200 {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server that was to be measured has ended: %s", bytes.TrimSpace(s.stderr.Bytes()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return errors.New("the server that was to be measured does not get ready")
}

// stop ends the process and deletes its data.
func (s *ownServer) stop() {
	if s.cmd != nil {
		if s.cmd.Process.Signal(syscall.SIGTERM) != nil {
			_ = s.cmd.Process.Kill()
		}
		select {
		case <-s.ended:
		case <-time.After(stopWithin):
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
	}
	if s.ground != nil {
		_ = s.ground.clear() // a database that cannot be dropped is named like nobody else's
	}
	_ = os.RemoveAll(s.dir)
}
