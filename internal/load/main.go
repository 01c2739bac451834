package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	clients := flag.String("clients", "1,16,64", "how many clients at once, one table row each")
	seconds := flag.Float64("seconds", 4, "length of a run")
	runs := flag.Int("runs", 3, "counted runs per row, after a short warm-up")
	kinds := flag.String("kinds", "advance,resend", "what to measure")
	sessions := flag.Int("sessions", 0, "live sessions that are in the database besides the clients'")
	flag.Parse()
	if err := measure(*clients, *kinds, time.Duration(*seconds*float64(time.Second)), *runs, *sessions); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func measure(clients, kinds string, d time.Duration, runs, sessions int) error {
	dir, err := os.MkdirTemp("", "pawl-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "pawl")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/pawlauth/pawl/cmd/pawl").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	fmt.Printf("%s %s/%s, %d processors shared by server and clients; SQLite, synchronous=FULL; ES256; %d other sessions; %d runs of %v\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), sessions, runs, d)
	fmt.Println("| kind | clients | reissues/s, median (min–max) | p50 ms | p99 ms | server CPU s per 1,000 | server RSS MiB |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for kind := range strings.SplitSeq(kinds, ",") {
		for text := range strings.SplitSeq(clients, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return fmt.Errorf("-clients: %q is no number of clients", text)
			}
			if err := row(bin, filepath.Join(dir, kind+text), kind == "advance", n, d, runs, sessions); err != nil {
				return err
			}
		}
	}
	return nil
}

// row measures one line of the table on a server of its own.
func row(bin, dir string, advance bool, n int, d time.Duration, runs, sessions int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	srv, err := startServer(bin, dir, !advance, sessions)
	if err != nil {
		return err
	}
	defer srv.stop()
	cs := make([]*client, n)
	for i := range cs {
		if cs[i], err = dial(srv.host); err != nil {
			return err
		}
		defer cs[i].close()
		if err := cs[i].login(user, password); err != nil {
			return err
		}
	}
	if _, err := chain(cs, advance, d/4); err != nil { // warm-up
		return err
	}
	var rates, p50, p99, cpu []float64
	for range runs {
		before := srv.cpu()
		r, err := chain(cs, advance, d)
		if err != nil {
			return err
		}
		rates = append(rates, r.rate)
		p50, p99 = append(p50, r.quantile(0.50)), append(p99, r.quantile(0.99))
		cpu = append(cpu, (srv.cpu()-before).Seconds()/float64(len(r.took))*1000)
	}
	kind := "re-send (row 4)"
	if advance {
		kind = "advance (row 5)"
	}
	fmt.Printf("| %s | %d | %.0f (%.0f–%.0f) | %.2f | %.2f | %.3f | %.0f |\n", kind, n,
		median(rates), slices.Min(rates), slices.Max(rates), median(p50), median(p99), median(cpu), srv.rss())
	return nil
}

// result of one run.
type result struct {
	took []time.Duration // sorted
	rate float64
}

func (r result) quantile(q float64) float64 {
	return float64(r.took[int(q*float64(len(r.took)-1))].Microseconds()) / 1000
}

// chain lets every client reissue back to back for d. One wrong answer fails
// the run.
func chain(cs []*client, advance bool, d time.Duration) (result, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	took := make([][]time.Duration, len(cs))
	begin := time.Now()
	for i, c := range cs {
		wg.Go(func() {
			for time.Since(begin) < d && failed.Load() == nil {
				one, err := c.reissue(advance)
				if err != nil {
					failed.Store(&err)
					return
				}
				took[i] = append(took[i], one)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(begin)
	if err := failed.Load(); err != nil {
		return result{}, *err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	if len(all) == 0 {
		return result{}, fmt.Errorf("no reissue in %v", d)
	}
	return result{took: all, rate: float64(len(all)) / elapsed.Seconds()}, nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
