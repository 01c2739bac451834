package endsmodel

import (
	"fmt"
	"strings"
	"testing"
)

// TestEndsHold searches every deployment: no end that was answered may come
// undone.
func TestEndsHold(t *testing.T) {
	var taken [kindsOfActions]int
	for _, m := range configs() {
		for _, m.synchronous = range m.modes() {
			t.Run(m.title(), func(t *testing.T) {
				r := m.search(fine)
				report(t, &r)
				if r.violation != fine {
					t.Fatalf("the protocol has a fault:%v", &r)
				}
				if r.states < 1000 || r.quiescent == 0 {
					t.Errorf("%d states, an answered end judged in %d: the search sees too little", r.states, r.quiescent)
				}
				for do, n := range r.taken {
					taken[do] += n
				}
			})
		}
	}
	for do, n := range taken {
		if n == 0 && !ofFaults(uint8(do)) {
			t.Errorf("no search took the step %q", actionTexts[do])
		}
	}
}

// ofFaults are steps that only the earlier protocol takes.
func ofFaults(do uint8) bool { return do == doEntryFails || do == doApplyFails }

// TestFaultsAreFound gives the protocol one fault of the earlier one at a time.
func TestFaultsAreFound(t *testing.T) {
	for _, tt := range []struct {
		fault       string
		config      string
		synchronous bool
		old         faults
		want        violation
	}{
		{"everyone's end is logged in one partition", "everyone", false, faults{homeOnly: true}, revived},
		{"everyone's marks are checked once", "everyone", false, faults{noSweep: true}, revived},
		{"an end of no session leaves nothing", "sign-in that may be lost", false, faults{orphans: true}, reissued},
		{"the log does not name users", "sign-out", false, faults{nameless: true}, reissued},
		{"a retry does not wait for the replica", "sign-out", true, faults{retryUnconfirmed: true}, unconfirmed},
		{"everyone's mark hides what is expected", "sign-out after everyone", false, faults{coveredExpected: true}, reissued},
		{"the record is written before the log", "sign-out", false, faults{recordFirst: true, heldUnexpected: true}, accepted},
		{"no replica counts as confirmed", "sign-out", true, faults{noReplicaCounts: true}, unconfirmed},
		{"a log that stands still is believed", "node cut off", false, faults{believesOld: true}, reissued},
		{"memory ages by the store's clock", "sign-out", false, faults{storeClock: true}, reissued},
		{"what is due is cleared before it is applied", "sign-out", false, faults{clearsFirst: true}, reissued},
		{"a partition that is away stops the reading", "partition away", false, faults{allOrNothing: true}, reissued},
		{"everyone's end is applied again as a new one", "everyone and a sign-in", false, faults{homeOnly: true, marksMove: true}, overreach},
		{"an end that is found to hold is not expected", "sign-out", false, faults{heldUnexpected: true}, reissued},
		{"an end of no session that was read elsewhere is not written", "sign-in that may be lost", true, faults{knownUnconfirmed: true}, unconfirmed},
		{"what is expected waits for a complete reading", "partition away", false, faults{partialUnjudged: true}, reissued},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			m := config(t, tt.config, tt.synchronous)
			m.old = tt.old
			r := m.search(tt.want)
			report(t, &r)
			t.Logf("%s:%v", m.title(), &r)
			if r.violation != tt.want {
				t.Errorf("found: %v; want: %v", r.violation, tt.want)
			}
		})
	}
}

func (m *model) title() string {
	if m.synchronous {
		return m.name + ", confirmed by a replica"
	}
	return m.name
}

func report(t *testing.T, r *result) {
	t.Helper()
	t.Logf("%d states, %d steps deep, %d judged, %v", r.states, r.depth, r.quiescent, r.took)
	t.Attr("model-states", fmt.Sprint(r.states))
	t.Attr("model-took", strings.TrimSpace(r.took.String()))
}
