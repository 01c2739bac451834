package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
)

type keyRemoveCmd struct {
	KID     []string `arg:"" name:"kid" help:"The keys, by their whole id, as pawl key list shows it."`
	Yes     bool     `short:"y" help:"Do not ask. A refresh key needs --sign-out as well."`
	SignOut bool     `help:"With --yes: remove a refresh key, and sign out whoever holds what it signed."`
	whyFlag
	kong.Plugins
}

func (keyRemoveCmd) Help() string {
	return `For emergencies: a key was stolen. Whatever the key signed is refused: by servers on this database within a second, by services elsewhere when their copy of the published keys is older than a minute. If it is the key that signs, a new one takes its place at once; services elsewhere may refuse what that signs until they have fetched the keys again, for up to a minute.

An access key costs its holders a reissue. A refresh key signs out everybody whose last refresh token it signed: the question says how many. To replace keys without anybody noticing, use pawl key rotate.

Examples:

    pawl key list
    pawl key remove Tp1uX0VZ-xk4cQyEwqXq9cXqkHkG0n9sHq4m3Yw0b1c --why 'laptop stolen'`
}

func (c *keyRemoveCmd) Run(a *app) error {
	if c.SignOut && !c.Yes {
		return usagef("--sign-out goes with --yes")
	}
	ctx := context.Background()
	s, cfg, master, err := a.openKeys(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	admin := a.keyAdmin(cfg, s, master)
	if err := c.agree(ctx, a, s, admin); err != nil {
		return err
	}
	done, err := admin.Remove(ctx, c.KID...)
	if err != nil {
		return err
	}
	a.noteKeys(ctx, s, done, c.Why)
	for _, k := range done.Removed {
		fmt.Fprintf(a.stdout, "Removed the %s key %s. %s\n", k.Use, k.ID, refusedFrom(k))
	}
	for _, k := range done.Added {
		fmt.Fprintf(a.stdout, "Added the %s key %s. It signs now.%s\n", k.Use, k.ID, notKnownYet(k))
	}
	return nil
}

var keyID = regexp.MustCompile(`^-[A-Za-z0-9_-]{42}$`)

// keyIDsLast puts ids of keys that begin with a hyphen, as every sixty-fourth
// does, behind "--": they would be taken for flags.
func keyIDsLast(args []string) []string {
	var rest, ids []string
	for i, arg := range args {
		if arg == "--" {
			return slices.Concat(rest, args[i:], ids)
		}
		if keyID.MatchString(arg) {
			ids = append(ids, arg)
		} else {
			rest = append(rest, arg)
		}
	}
	if len(ids) > 0 {
		rest = append(rest, "--")
	}
	return append(rest, ids...)
}

func refusedFrom(k pawl.KeyInfo) string {
	if k.Use == pawl.UseRefresh {
		return "What it signed is refused within a second."
	}
	return "What it signed is refused within a second by servers on this database, and within a minute by services that keep a copy of the published keys."
}

func notKnownYet(k pawl.KeyInfo) string {
	if k.Use == pawl.UseRefresh {
		return ""
	}
	return " Services that keep a copy of the published keys may refuse its tokens for up to a minute."
}

// agree lets the person see what will happen, and asks.
func (c *keyRemoveCmd) agree(ctx context.Context, a *app, s store, admin pawl.KeyAdmin) error {
	keys, err := admin.List(ctx)
	if err != nil {
		return err
	}
	var effects []string
	signsOut := false
	for _, kid := range c.KID {
		i := slices.IndexFunc(keys, func(k pawl.KeyInfo) bool { return k.ID == kid })
		if i < 0 {
			return fmt.Errorf("there is no key %s; \"pawl key list\" shows which there are; nothing was removed", printable(kid))
		}
		effect, err := effectOf(ctx, a, s, keys, keys[i])
		if err != nil {
			return err
		}
		effects = append(effects, effect)
		signsOut = signsOut || keys[i].Use == pawl.UseRefresh
	}
	if c.Yes {
		if signsOut && !c.SignOut {
			return usagef("nothing was removed. %s Add --sign-out if that is what you want", strings.Join(effects, " "))
		}
		return nil
	}
	yes, err := confirm(strings.Join(effects, "\n") + "\n")
	if err == nil && !yes {
		err = errors.New("nothing was removed")
	}
	return err
}

// effectOf says what removing the key does to people.
func effectOf(ctx context.Context, a *app, s store, keys []pawl.KeyInfo, k pawl.KeyInfo) (string, error) {
	if k.Use == pawl.UseAccess {
		return fmt.Sprintf("Removing the access key %s: clients that hold a token of it have to reissue.", k.ID), nil
	}
	n, err := signedBy(ctx, a, s, keys, k)
	return fmt.Sprintf("Removing the refresh key %s signs people out: about %s, those whose last refresh token it signed.", k.ID, plural(n, "session")), err
}

// signedBy counts the live sessions that were last rotated while the key signed.
func signedBy(ctx context.Context, a *app, s store, keys []pawl.KeyInfo, k pawl.KeyInfo) (n int, err error) {
	var until time.Time // zero: it still signs, or has never
	behind := false
	for _, other := range keys {
		if behind = behind || other.ID == k.ID; behind && other.ID != k.ID && other.Use == k.Use && (until.IsZero() || other.SignsFrom.Before(until)) {
			until = other.SignsFrom
		}
	}
	err = eachUser(ctx, s, "", func(u pawl.User) error {
		all, mark, err := s.List(ctx, u.ID, pawl.ListPlace{}, 0)
		for _, r := range all {
			if r.Live(mark, a.now()) && !r.Rotated.Before(k.SignsFrom) && (until.IsZero() || r.Rotated.Before(until)) {
				n++
			}
		}
		return err
	})
	return n, err
}
