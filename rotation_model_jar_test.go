package pawl_test

import (
	"fmt"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// modelJar is an honest cookie jar, shared by tabs that send whenever they
// like, with the client's side of docs/rotation.md: messages are given up
// after ten seconds; after trouble one tab goes first, alone; an
// Idempotency-Key stays for a minute after its first success, and over
// restarts.
type modelJar struct {
	w     *modelWorld
	name  int
	user  string
	keyed bool

	sid             string
	refresh, access string
	onDisk          string        // the cookie that a crash brings back, within 30 s
	setAt           time.Duration // when the cookie was set
	failedOver      time.Duration // when the store last lost writes: a crash in the same minute is beyond the promise
	key             string        // pending Idempotency-Key; empty: none
	proved          bool          // it has succeeded
	provedAt        time.Duration // when it first did, or first did after trouble
	restarts        int           // over how many restarts it was taken
	trouble         bool          // a message was lost: nothing is known of its outcome
	lost            bool          // a reply may be lost for good: without a key, the next reissue may count as theft
	sent            []modelMessage
	replies         []modelMessage
}

type modelMessage struct {
	at      time.Duration
	refresh string
	access  string
	key     string
	tokens  api.Tokens
	err     error
}

const (
	modelTimeout  = 10 * time.Second
	modelKeyStays = time.Minute
	modelFlush    = 30 * time.Second // a browser writes cookies to disk so late
)

func (j *modelJar) send() {
	if j.refresh == "" {
		j.signIn()
		return
	}
	if j.trouble && len(j.sent)+len(j.replies) > 0 {
		return
	}
	m := modelMessage{at: j.w.real, refresh: j.refresh, key: j.takeKey()}
	if j.w.chance(30) {
		m.access = j.access
	}
	j.w.tell("jar %d sends generation %d, key %.6s", j.name, rotClaims(j.w.t, m.refresh).Gen, m.key)
	j.sent = append(j.sent, m)
}

func (j *modelJar) signIn() {
	got, err := j.w.svc.Start(j.w.t.Context(), j.user, pawl.Client{})
	if err != nil {
		j.w.fail("cannot sign in: %v", err)
		return
	}
	*j = modelJar{w: j.w, name: j.name, user: j.user, keyed: j.keyed, sid: got.SessionID, setAt: j.w.real, refresh: got.RefreshToken, access: got.AccessToken, onDisk: got.RefreshToken}
	j.w.tell("jar %d signs in: session %.6s", j.name, j.sid)
	j.w.known[j.sid] = &modelSession{
		key: pawl.SessionKey{User: j.user, ID: j.sid}, ends: got.Ends,
		bytes: map[string]string{}, reopened: map[string]int{},
	}
}

// takeKey gives the jar's key, a new one where the old is retired.
func (j *modelJar) takeKey() string {
	if !j.keyed {
		return ""
	}
	if j.key == "" || j.retired() {
		j.key, j.proved, j.restarts = token.NewID(), false, 0
	}
	return j.key
}

// retired: never while the outcome of a request with the key is not known.
func (j *modelJar) retired() bool {
	known := !j.trouble && len(j.sent)+len(j.replies) == 0
	return j.proved && known && j.w.real-j.provedAt >= modelKeyStays
}

// take removes one message at random.
func (j *modelJar) take(from *[]modelMessage) (m modelMessage, ok bool) {
	if len(*from) == 0 {
		return m, false
	}
	i := j.w.rng.IntN(len(*from))
	m = (*from)[i]
	*from = append((*from)[:i:i], (*from)[i+1:]...)
	return m, true
}

// deliver brings a request to the service; the reply is on its way, or lost.
func (j *modelJar) deliver() {
	m, ok := j.take(&j.sent)
	if !ok {
		return
	}
	over := j.w.known[j.sid].over != ""
	m.tokens, m.err = j.w.present(m.refresh, m.access, m.key, fmt.Sprintf("jar %d", j.name))
	if m.err != nil {
		j.refused(m.err, over)
		return
	}
	if j.w.chance(10) {
		j.w.tell("  and the reply is lost")
		j.trouble, j.lost = true, true
		return
	}
	j.replies = append(j.replies, m)
}

// receive takes a reply.
func (j *modelJar) receive() {
	m, ok := j.take(&j.replies)
	if !ok {
		return
	}
	j.w.tell("jar %d takes the reply to generation %d", j.name, rotClaims(j.w.t, m.refresh).Gen)
	j.access = m.tokens.AccessToken
	if m.tokens.SetCookie {
		if j.w.real-j.setAt >= modelFlush && j.refresh != m.tokens.RefreshToken {
			j.onDisk, j.setAt = j.refresh, j.w.real
		}
		j.refresh, j.lost = m.tokens.RefreshToken, false
	}
	if m.key == j.key && (!j.proved || j.trouble) {
		j.proved, j.provedAt = true, j.w.real
	}
	if len(j.sent)+len(j.replies) == 0 {
		j.trouble = false
	}
}

// forgetOld gives up what was sent too long ago.
func (j *modelJar) forgetOld() {
	for _, list := range []*[]modelMessage{&j.sent, &j.replies} {
		var young []modelMessage
		for _, m := range *list {
			if j.w.real-m.at < modelTimeout {
				young = append(young, m)
			}
		}
		if len(young) < len(*list) {
			j.trouble, j.lost = true, true
		}
		*list = young
	}
	if j.trouble { // what is left of a burst is not taken for the first after it
		j.loseMessages()
	}
}

func (j *modelJar) loseMessages() {
	if len(j.sent)+len(j.replies) > 0 {
		j.w.tell("jar %d: everything under way is lost", j.name)
		j.sent, j.replies, j.trouble, j.lost = nil, nil, true, true
	}
}

// crash brings back the cookie on disk. Whoever has no key may then hold a
// token that counts as stolen.
func (j *modelJar) crash() {
	if j.refresh == "" || j.restarts == 3 {
		return
	}
	j.w.tell("jar %d crashes", j.name)
	retired := j.retired()
	j.sent, j.replies, j.trouble, j.lost = nil, nil, true, true
	if j.keyed && !retired && j.key != "" {
		if j.w.real-j.setAt < modelFlush && j.w.real-j.failedOver > modelKeyStays && j.behindOnDisk() <= 1 {
			j.refresh = j.onDisk
		}
		j.proved = false
		j.restarts++
	}
}

// behindOnDisk: two generations within the time that a browser takes to write a
// cookie need two late returns or a fail-over just before the crash, and are
// beyond the promise.
func (j *modelJar) behindOnDisk() uint64 {
	rec, _, _ := j.w.store.Get(j.w.t.Context(), j.w.known[j.sid].key)
	newest := max(rec.Generation, rotClaims(j.w.t, j.refresh).Gen)
	return newest - rotClaims(j.w.t, j.onDisk).Gen
}

// refused judges a refusal by the promise: an honest jar is signed out by an
// end, by time, by a thief, or, without a key, after a reply was lost. over
// says that the session had ended before.
func (j *modelJar) refused(err error, over bool) {
	e, s := api.AsError(err), j.w.known[j.sid]
	j.w.tell("jar %d is refused: %v", j.name, err)
	switch {
	case over || s.thieved || e.Reason == api.ReasonExpired:
	case e.Reason == api.ReasonReused && !j.keyed && j.lost:
	default:
		j.w.fail("jar %d was signed out by accident: %v (sends keys: %v, a reply was lost: %v)", j.name, err, j.keyed, j.lost)
	}
	j.refresh, j.sid = "", ""
	j.sent, j.replies = nil, nil
}

// modelLoot is what a thief holds.
type modelLoot struct {
	sid, refresh, key string
}

func (w *modelWorld) steal(jar *modelJar) {
	if jar.refresh == "" {
		return
	}
	l := modelLoot{sid: jar.sid, refresh: jar.refresh}
	if w.chance(30) {
		l.key = jar.key
	}
	w.loot = append(w.loot, l)
	w.tell("a thief copies jar %d: generation %d, key %.6s", jar.name, rotClaims(w.t, l.refresh).Gen, l.key)
}

func (w *modelWorld) useLoot() {
	if len(w.loot) == 0 {
		return
	}
	l := &w.loot[w.rng.IntN(len(w.loot))]
	w.known[l.sid].thieved = true
	got, err := w.present(l.refresh, "", l.key, "thief")
	if err == nil {
		l.refresh = got.RefreshToken
	}
}
