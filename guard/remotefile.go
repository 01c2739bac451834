package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pawlauth/pawl/token"
)

// keyFile is what RemoteOptions.KeyFile holds: public keys and nothing else.
type keyFile struct {
	Issuer  string          `json:"issuer"`
	SavedAt time.Time       `json:"savedAt"`
	Keys    json.RawMessage `json:"jwks"`
}

// offline starts from the key file, where that is wanted and cause is not one
// that somebody has to mend.
func (r *RemoteIssuer) offline(cause error) error {
	if !r.o.StartOffline || isFinal(cause) {
		return cause
	}
	if r.keys.Load() == nil {
		set, saved, err := readKeys(r.o.KeyFile, r.o.Issuer)
		if err != nil {
			return errors.Join(cause, err)
		}
		r.mu.Lock()
		r.ring.fetched, r.ring.at, r.ring.trouble = set.Keys(), saved, cause
		r.mu.Unlock()
		r.keys.Store(set)
	}
	r.o.Log.Warn("started without the issuer: what was ended is not known", "issuer", r.o.Issuer, "error", cause)
	return nil
}

// readKeys refuses a file that others can write: whoever puts a key into it
// makes tokens.
func readKeys(path, issuer string) (*token.KeySet, time.Time, error) {
	var doc keyFile
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("read the key file: %w", err)
	case !info.Mode().IsRegular() || info.Size() > 2*maxKeys:
		return nil, time.Time{}, fmt.Errorf("the key file %s is not one that was written here: remove it", path)
	case info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows":
		return nil, time.Time{}, fmt.Errorf("others can write the key file %s (mode %#o): chmod 600, if nobody has", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the key file: %w", err)
	}
	if doc.Issuer != issuer {
		return nil, time.Time{}, fmt.Errorf("the key file %s is of the issuer %q", path, doc.Issuer)
	}
	set, err := token.ParseJWKS(doc.Keys)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the key file %s: %w", path, err)
	}
	return set, doc.SavedAt, nil
}

// saveKeys is called when the keys have changed; what fails is told and no more:
// it matters at the next start only.
func (r *RemoteIssuer) saveKeys(set *token.KeySet) {
	if r.o.KeyFile == "" {
		return
	}
	b, err := json.Marshal(keyFile{r.o.Issuer, r.o.Now().UTC(), set.JWKS()})
	if err == nil {
		err = replaceFile(r.o.KeyFile, b)
	}
	if err != nil {
		r.o.Log.Warn("cannot keep the issuer's keys for the next start", "file", r.o.KeyFile, "error", err)
	}
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use to anybody
	}
	return err
}
