package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// sizes are small, so that the promises are watched at every change; the
// figures in docs/rotation.md come from the program.
func sizes() (expiries, thieves int) {
	if os.Getenv("CI") == "true" && !testing.Short() {
		return 20_000, 300
	}
	return 2_000, 40
}

func TestHonestPeopleStaySignedIn(t *testing.T) {
	expiries, _ := sizes()
	for _, s := range honestScenarios {
		name := s.name + ", " + s.ruleName()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := s.run(expiries, random(1, name))
			switch {
			case r.expiries < expiries:
				t.Errorf("%d expiries, want %d", r.expiries, expiries)
			case s.promise == none && r.signOuts > 0:
				t.Errorf("%d people signed out by accident in %d expiries, want none; rows taken: %v", r.signOuts, expiries, r.rows)
			case s.promise == whatIf && r.signOuts == 0:
				t.Errorf("the other rule signs nobody out: the line that it changes is not needed, or not tried")
			}
		})
	}
}

func TestThieves(t *testing.T) {
	_, thieves := sizes()
	for _, s := range thiefScenarios {
		name := s.name + ", " + nameOf(s.rule, s.window)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkThieves(t, &s, s.run(thieves, random(1, name)))
		})
	}
}

func checkThieves(t *testing.T, s *thiefScenario, r gains) {
	t.Helper()
	switch s.promise {
	case caught:
		if r.never > 0 || r.told != r.thieves {
			t.Errorf("%d of %d thieves were never caught, %d victims told; want 0 and all", r.never, r.thieves, r.told)
		}
	case shut:
		if r.gotIn > 0 || r.never > 0 {
			t.Errorf("%d of %d thieves got in, %d were never caught; want none", r.gotIn, r.thieves, r.never)
		}
	case bounded:
		if most := r.at(1); most > pawl.DefaultAccessTTL.Milliseconds() {
			t.Errorf("a thief kept access for %s, want at most one access token's life", short(most))
		}
	case openEnded:
		if r.never == 0 {
			t.Errorf("every thief was caught: docs/rotation.md says that this strategy succeeds")
		}
	}
	if s.rule.decide != nil && r.never == 0 {
		t.Errorf("the other rule catches every thief: the line that it changes is not needed, or not tried")
	}
}

func TestSameSeedSameFigures(t *testing.T) {
	s := honestScenarios[len(honestScenarios)-1]
	a, b := s.run(500, random(7, "x")), s.run(500, random(7, "x"))
	if a != b {
		t.Errorf("two runs with one seed differ: %+v and %+v", a, b)
	}
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	s := honestScenario{name: "n", window: 10 * time.Second}
	printHonest(&out, []honestScenario{s}, []falseSignOuts{{expiries: 1000, signOuts: 1}}, true)
	printThieves(&out, []thiefScenario{{name: "t"}}, []gains{{thieves: 1, kept: []int64{2 * hour}}})
	for _, want := range []string{"Decide, 10s window", "100.0", "2.0 h"} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("the tables lack %q:\n%s", want, &out)
		}
	}
}

// docs/rotation.md shows every scenario; its figures are the program's.
func TestPageShowsEveryScenario(t *testing.T) {
	page, err := os.ReadFile("../../docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range honestScenarios {
		checkShown(t, page, s.name, s.ruleName(), s.promise.String())
	}
	for _, s := range thiefScenarios {
		checkShown(t, page, s.name, nameOf(s.rule, s.window), s.promise.String())
	}
}

func checkShown(t *testing.T, page []byte, name, rule, promise string) {
	t.Helper()
	line := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(name) + " +" + regexp.QuoteMeta(rule) + " +" + regexp.QuoteMeta(promise) + " ")
	if !line.Match(page) {
		t.Errorf("docs/rotation.md has no line for %q, %s, promise %q: run the simulation and put its output there", name, rule, promise)
	}
}
