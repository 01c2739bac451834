package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

const fileSuffix = "_FILE"

// kubernetes matches what Kubernetes puts into every container beside a Service
// that is named pawl. Nobody wrote these for us.
var kubernetes = regexp.MustCompile(`^PAWL_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)$`)

// readEnv reads the PAWL_… variables. PAWL_X_FILE names a file that holds the
// value of PAWL_X, unless x_file is a key of its own. EnvFile is passed on as
// it is.
func readEnv(environ []string, table []Field, read func(string) ([]byte, error)) (map[string]setting, error) {
	layer := map[string]setting{}
	var faults []error
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || name == EnvBenchPassword || kubernetes.MatchString(name) {
			continue
		}
		if name == EnvFile {
			layer[EnvFile] = setting{text, EnvFile}
			continue
		}
		f, fromFile, err := envField(name, table)
		if err == nil && fromFile {
			text, err = readValue(f, name, text, read)
		}
		if _, twice := layer[f.Key]; err == nil && twice {
			err = fmt.Errorf("%s and %s%s are both set; keep one", f.Env(), f.Env(), fileSuffix)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		layer[f.Key] = setting{text, name}
	}
	return layer, errors.Join(faults...)
}

func envField(name string, table []Field) (f Field, fromFile bool, err error) {
	byName := func(n string) int {
		return slices.IndexFunc(table, func(f Field) bool { return f.Env() == n })
	}
	if i := byName(name); i >= 0 {
		return table[i], false, nil
	}
	if base, ok := strings.CutSuffix(name, fileSuffix); ok {
		if i := byName(base); i >= 0 {
			return table[i], true, nil
		}
	}
	return f, false, fmt.Errorf("unknown variable %s; %s", short(name), didYouMean(name, envNames(table)))
}

func envNames(table []Field) []string {
	names := []string{EnvFile}
	for _, f := range table {
		names = append(names, f.Env())
	}
	return names
}

// readValue reads a value from the file that a variable names. Editors and
// `echo` end files with a newline, which is not part of the value.
func readValue(f Field, name, path string, read func(string) ([]byte, error)) (string, error) {
	if f.mayHoldSecret() {
		if _, err := os.Stat(path); err != nil { // it may be the secret itself, and not its file
			return "", fmt.Errorf("%s must be the path of a file that holds the value, and what it names cannot be read: %w", name, bare(err))
		}
		if err := CheckPrivate(path, 0o077); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	b, err := read(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s: %s is larger than 1 MiB", name, path)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// bare is err without the path.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// CheckPrivate refuses a secret's file that is not a regular file, or whose
// mode has one of the forbidden bits: others could have read it (SECURITY 20).
func CheckPrivate(path string, forbidden fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&forbidden != 0:
		return fmt.Errorf("%s can be read or changed by others (mode %04o); run: chmod %04o %s", path, info.Mode().Perm(), info.Mode().Perm()&^forbidden&0o600|0o600, path)
	}
	return nil
}
