package endsmodel

import (
	"strings"
	"time"
)

// result is what a search found.
type result struct {
	states    int
	depth     int
	quiescent int // states in which an answered end was judged
	taken     [kindsOfActions]int
	violation violation
	trace     []action
	took      time.Duration
}

// step is how a state was first reached.
type step struct {
	from int32
	by   action
}

// search visits every state that can be reached, nearest first, until one
// violates the property; in the given way, if one is given.
func (m *model) search(only violation) (r result) {
	began := time.Now()
	first := m.initial()
	m.canonical(&first)
	known := map[state]struct{}{first: {}}
	steps := []step{{from: -1}}
	level, at := []state{first}, int32(0)
	for ; len(level) > 0 && r.violation == fine; r.depth++ {
		var deeper []state
		for i := range level {
			s := &level[i]
			m.next(s, func(by action, t *state) {
				if m.canonical(t); r.violation != fine || *t == *s {
					return
				}
				r.taken[by.do]++
				if _, ok := known[*t]; ok {
					return
				}
				known[*t] = struct{}{}
				steps = append(steps, step{at, by})
				deeper = append(deeper, *t)
				r.visit(m, t, only)
			})
			if r.violation != fine {
				r.trace = m.trace(steps)
				break
			}
			at++
		}
		level = deeper
	}
	r.states, r.took = len(steps), time.Since(began)
	return r
}

// visit judges a new state.
func (r *result) visit(m *model, s *state, only violation) {
	if m.anyOwed(s) && m.quiescent(s) {
		r.quiescent++
	}
	if v := m.judge(s); only == fine || v == only {
		r.violation = v
	}
}

// trace is how the last state was reached, told with nodes that keep their names.
func (m *model) trace(steps []step) []action {
	var way []action
	for i := int32(len(steps) - 1); i > 0; i = steps[i].from {
		way = append([]action{steps[i].by}, way...)
	}
	told := m.initial()
	m.tidy(&told)
	same := told
	m.canonical(&same)
	for i, a := range way {
		same = m.after(&same, a)
		way[i], told = m.towards(&told, &same)
	}
	return way
}

// after is the state that an action leads to.
func (m *model) after(s *state, a action) (after state) {
	m.next(s, func(by action, t *state) {
		if by == a {
			m.canonical(t)
			after = *t
		}
	})
	return after
}

// towards is a step to a state that differs from the given one in names only.
func (m *model) towards(s, same *state) (a action, after state) {
	m.next(s, func(by action, t *state) {
		m.tidy(t)
		here := *t
		if m.canonical(t); *t == *same {
			a, after = by, here
		}
	})
	return a, after
}

func (r *result) String() string {
	var b strings.Builder
	for _, a := range r.trace {
		b.WriteString("\n\t" + a.String())
	}
	b.WriteString("\n\t=> " + r.violation.String())
	return b.String()
}
