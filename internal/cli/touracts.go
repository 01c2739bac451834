package cli

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const tabs = 4

func (t *tour) acts() []act {
	return []act{
		{
			"Sign in",
			"A person signs in with user ID and password.",
			t.signIn,
			"There are two tokens: an access token of 30 minutes, which any service can check by itself, and a refresh token in an HttpOnly cookie, which no script can read and which is good once.",
		},
		{
			"Four tabs refresh at once",
			"The person has four tabs open. All wake up and send the same cookie at the same moment.",
			t.fourTabs,
			"One of them made the next refresh token, and the others were given the same one. Nobody is signed out. This goes on for the reuse window, here a second, usually a minute.",
		},
		{
			"A reply is lost",
			"The browser refreshes, the server writes the next token to disk, and the train enters a tunnel: the reply never arrives. The tunnel is longer than the reuse window. Then the browser tries again, with the same Idempotency-Key.",
			t.lostReply,
			"The key shows that this is the same request again, so it gets the answer that was lost. An old token without the key would have looked like theft.",
		},
		{
			"A thief replays an old token",
			"Somebody copies the cookie. The person goes on and gets the next one. After the window, the thief tries the copy.",
			t.theft,
			"The token was used up: two parties hold this session, and nobody can tell which is the thief. So it ends for both, with an alarm in the log.",
		},
		{
			"The person is told why",
			"The person's tab refreshes next, with the cookie that was good a moment ago.",
			t.told,
			"The application can say what happened, rather than \"please sign in\". The access token of the session is dead as well.",
		},
		{
			"Sign in again",
			"The person proves once more who they are.",
			t.signIn,
			"This is a new session with a new secret. Nothing of the thief's leads to it.",
		},
		{
			"Signing out stops the access token at once",
			"The person calls an API, signs out, and somebody tries the same access token again. By its own claims it is good for almost half an hour more.",
			t.signOut,
			"Access tokens are checked offline, and yet a sign-out is felt at the next check: the guard holds a small set of what was ended.",
		},
	}
}

func (t *tour) signIn() error {
	x := exchange{method: http.MethodPost, path: "/api/login", body: api.LoginRequest{UserID: demoLogin, Password: demoPassword}}
	r, err := t.send(x)
	if err != nil {
		return err
	}
	t.out.exchange(x, r)
	if err := r.renewed(0); err != nil {
		return err
	}
	t.cookie, t.access, t.key = r.cookie, r.tokens.AccessToken, token.NewID()
	return nil
}

func (t *tour) fourTabs() error {
	if err := t.pastWindow(); err != nil { // within it the cookie need not turn
		return err
	}
	x := exchange{method: http.MethodPost, path: "/api/reissue", cookie: t.cookie}
	var replies [tabs]reply
	var errs [tabs]error
	var all sync.WaitGroup
	together := make(chan struct{})
	for i := range tabs {
		all.Go(func() {
			<-together
			replies[i], errs[i] = t.send(x)
		})
	}
	close(together)
	all.Wait()
	t.out.request(x, fmt.Sprintf("%d times, all at once", tabs))
	for i, r := range replies {
		if errs[i] == nil {
			t.out.short(fmt.Sprintf("tab %d", i+1), r)
		}
	}
	for i, r := range replies {
		err := errs[i]
		if err == nil {
			err = r.renewed(1)
		}
		if err != nil {
			return fmt.Errorf("tab %d: %w", i+1, err)
		}
		if r.cookie != replies[0].cookie {
			return fmt.Errorf("tabs 1 and %d hold different refresh tokens", i+1)
		}
	}
	t.cookie, t.access = replies[0].cookie, replies[0].tokens.AccessToken
	return nil
}

func (t *tour) lostReply() error {
	if err := t.pastWindow(); err != nil {
		return err
	}
	x := exchange{method: http.MethodPost, path: "/api/reissue", cookie: t.cookie, key: t.key}
	lost, err := t.send(x)
	if err != nil {
		return err
	}
	t.out.request(x, "")
	t.out.note("(the server has answered; the answer is thrown away here)")
	if err := errors.Join(lost.renewed(2), t.pastWindow()); err != nil {
		return err
	}
	t.out.note("(the window has passed; the same request again)")
	r, err := t.send(x)
	if err != nil {
		return err
	}
	t.out.exchange(x, r)
	if err := r.renewed(2); err != nil {
		return err
	}
	if r.cookie != lost.cookie {
		return errors.New("the retry was given another refresh token than the lost reply")
	}
	t.cookie, t.access = r.cookie, r.tokens.AccessToken
	return nil
}

func (t *tour) theft() error {
	stolen := t.cookie
	if err := t.pastWindow(); err != nil {
		return err
	}
	x := exchange{who: "the person", method: http.MethodPost, path: "/api/reissue", cookie: t.cookie}
	r, err := t.send(x)
	if err != nil {
		return err
	}
	t.out.request(x, "")
	t.out.short("answer", r)
	if err := errors.Join(r.renewed(3), t.pastWindow()); err != nil {
		return err
	}
	t.cookie, t.access = r.cookie, r.tokens.AccessToken
	x = exchange{who: "the thief", method: http.MethodPost, path: "/api/reissue", cookie: stolen}
	if r, err = t.send(x); err != nil {
		return err
	}
	t.out.exchange(x, r)
	if line := t.log.line("msg=reused"); line != "" {
		t.out.note("the server's log:")
		t.out.line("  ", line)
	}
	return r.over(api.ReasonReused)
}

func (t *tour) told() error {
	x := exchange{method: http.MethodPost, path: "/api/reissue", cookie: t.cookie}
	r, err := t.send(x)
	if err != nil {
		return err
	}
	t.out.exchange(x, r)
	if err := r.over(api.ReasonReused); err != nil {
		return err
	}
	x = exchange{method: http.MethodGet, path: "/api/session", bearer: t.access}
	if r, err = t.send(x); err != nil {
		return err
	}
	t.out.exchange(x, r)
	return r.over(api.ReasonReused)
}

func (t *tour) signOut() error {
	call := exchange{method: http.MethodGet, path: "/api/session", bearer: t.access}
	r, err := t.send(call)
	if err != nil {
		return err
	}
	t.out.exchange(call, r)
	if r.status != http.StatusOK {
		return fmt.Errorf("the access token is answered with %d, not 200", r.status)
	}
	x := exchange{method: http.MethodPost, path: "/api/logout", cookie: t.cookie}
	if r, err = t.send(x); err != nil {
		return err
	}
	t.out.exchange(x, r)
	if r.status != http.StatusNoContent {
		return fmt.Errorf("the sign-out is answered with %d, not 204", r.status)
	}
	if r, err = t.send(call); err != nil {
		return err
	}
	t.out.exchange(call, r)
	left := time.Until(expiry(t.access)).Truncate(time.Second)
	t.out.note(fmt.Sprintf("(the same access token; its exp is %v from now)", left))
	if left <= 0 {
		return errors.New("the access token has expired by itself")
	}
	return r.over(api.ReasonSignedOut)
}
