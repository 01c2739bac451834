package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// keyCmd is what can be done with the signing keys.
type keyCmd struct {
	List   keyListCmd   `cmd:"" help:"List the signing keys: which sign, which wait, which go when."`
	Rotate keyRotateCmd `cmd:"" help:"Add keys that take over soon. Nobody notices."`
	Remove keyRemoveCmd `cmd:"" help:"Take keys out of use at once, in an emergency."`
	Reseal keyResealCmd `cmd:"" help:"Encrypt the keys in the database under a new master key."`
	Master keyMasterCmd `cmd:"" help:"Make a master key for servers that will share a database."`
}

// keyKeys are the configuration keys that decide about the signing keys.
func keyKeys(f config.Field) bool {
	switch f.Key {
	case "master_key_file", "signing_algorithm", "access_ttl", "session_ttl":
		return true
	}
	return storeKeys(f)
}

// keyAdmin looks at the keys and changes them as a server of the same
// configuration would.
func (a *app) keyAdmin(cfg *config.Config, s pawl.KeyStore, master pawl.MasterKey) pawl.KeyAdmin {
	return pawl.KeyAdmin{
		Store: s, MasterKey: master, Policy: keyPolicy(cfg), Now: a.now,
		Lifetimes: pawl.Policy{AccessTTL: cfg.AccessTTL, SessionTTL: cfg.SessionTTL},
	}
}

func keyPolicy(cfg *config.Config) pawl.KeyPolicy {
	return pawl.KeyPolicy{Algorithm: cfg.SigningAlgorithm, Every: cfg.KeyRotation}
}

// openKeys opens the database and the master key for a command.
func (a *app) openKeys(ctx context.Context, flags kong.Plugins) (store, *config.Config, pawl.MasterKey, error) {
	s, cfg, err := a.openExisting(ctx, flags)
	if err != nil {
		return nil, nil, pawl.MasterKey{}, err
	}
	master, found, err := readMasterKey(cfg)
	if err == nil && !found {
		err = fmt.Errorf("there is no master key at %s: set master_key_file or PAWL_MASTER_KEY as the server has it", cfg.MasterKeyFile)
	}
	if err != nil {
		return nil, nil, master, errors.Join(err, s.Close())
	}
	return s, cfg, master, nil
}

// noteKeys writes a change of the keys into the audit log.
func (a *app) noteKeys(ctx context.Context, s pawl.AuditStore, done pawl.KeyChange, why string) {
	events := done.Events()
	for i := range events {
		events[i].Why = why
	}
	a.note(ctx, s, events...)
}

type keyListCmd struct {
	JSON bool `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (keyListCmd) Help() string {
	return `Lists the signing keys of the database, oldest first; no secret is shown. Of each use, access and refresh, one key signs. A key that waits is published already and signs from the time shown; a retired one only checks what it signed, and goes by itself once the last of that has expired. Times are UTC.

Examples:

    pawl key list
    pawl key list --json`
}

// keyRow is a key as "key list --json" prints it.
type keyRow struct {
	ID        string     `json:"id"`
	Use       string     `json:"use"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"` // waits, signs, retired
	Created   time.Time  `json:"createdAt"`
	SignsFrom time.Time  `json:"signsFrom"`
	Dies      *time.Time `json:"goesAt"` // null: not known yet
}

func (c *keyListCmd) Run(a *app) error {
	ctx := context.Background()
	s, cfg, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := a.keyAdmin(cfg, s, pawl.MasterKey{}).List(ctx)
	if err != nil {
		return err
	}
	rows := []keyRow{}
	for _, k := range keys {
		rows = append(rows, rowOf(k))
	}
	if c.JSON {
		return writeJSON(a.stdout, rows)
	}
	return a.printKeys(keys, rows)
}

func rowOf(k pawl.KeyInfo) keyRow {
	r := keyRow{ID: k.ID, Use: k.Use, Algorithm: k.Algorithm, State: k.State, Created: k.Created, SignsFrom: k.SignsFrom}
	if !k.Dies.IsZero() {
		r.Dies = &k.Dies
	}
	return r
}

func (a *app) printKeys(keys []pawl.KeyInfo, rows []keyRow) error {
	var cells [][]string
	for _, r := range rows {
		goes := ""
		if r.Dies != nil {
			goes = moment(*r.Dies)
		}
		cells = append(cells, []string{r.ID, r.Use, r.Algorithm, r.State, moment(r.Created), moment(r.SignsFrom), goes})
	}
	if err := table(a.stdout, []string{"KEY", "USE", "ALGORITHM", "STATE", "MADE", "SIGNS FROM", "GOES"}, cells); err != nil {
		return err
	}
	for _, k := range keys {
		if k.Strayed {
			fmt.Fprintf(a.stderr, "pawl: key %s waits far too long: a clock was ahead when it was made, and until then its use gets no new key. Run: %s\n", printable(k.ID), remedy(k))
		}
	}
	return nil
}

// remedy is the command that mends a key which waits far too long.
func remedy(k pawl.KeyInfo) string {
	if k.State == pawl.KeySigns { // there is no other, so it signs all the same
		return "pawl key rotate --use " + k.Use
	}
	return "pawl key remove " + printable(k.ID)
}
