package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Sources are the layers over the defaults.
type Sources struct {
	File  string            // path of the YAML file; empty: none
	Env   []string          // as os.Environ gives it; only PAWL_… is looked at
	Flags map[string]string // key → text, those that were given
}

// EnvFile is the variable that names the configuration file.
const EnvFile = envPrefix + "CONFIG"

// EnvBenchPassword is the variable with the password for pawl bench: no
// setting, and no mistake in the environment of another command.
const EnvBenchPassword = envPrefix + "BENCH_PASSWORD"

// A setting is a key's text in one layer.
type setting struct {
	text   string
	origin string // what to tell a person: "pawl.yaml:3", "PAWL_LISTEN", "--listen"
}

// Load reads the layers, fills in what follows from other keys, and checks
// everything. The error names every fault at once, one a line, each with where
// it is, what is wrong and what to do; it quotes no secret. Load reads the file
// and those that PAWL_…_FILE variables name, and nothing else.
func Load(src Sources) (*Config, error) {
	c := new(Config)
	table := fields(c)
	layers, err := readLayers(src, table)
	if err != nil {
		return nil, err
	}
	return c.assemble(table, layers)
}

// assemble puts the layers, the last over the others, into the fields that
// table points to.
func (c *Config) assemble(table []Field, layers []map[string]setting) (*Config, error) {
	c.origins = map[string]string{}
	var faults []error
	for _, f := range table {
		if f.Default != "" {
			if err := f.value.parse(f.Default); err != nil {
				return nil, fmt.Errorf("default of %s: %w", f.Key, err)
			}
		}
		for _, layer := range layers {
			s, ok := layer[f.Key]
			if !ok {
				continue
			}
			c.origins[f.Key] = s.origin
			if err := f.value.parse(s.text); err != nil {
				faults = append(faults, fault(s.origin, f, s.text, err))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	c.derive()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// fault words one bad value: where, which key, the value unless secret, why.
func fault(origin string, f Field, text string, err error) error {
	where := f.Key
	if origin != "" {
		where = origin + ": " + f.Key
	}
	if f.mayHoldSecret() {
		return fmt.Errorf("%s %w", where, err)
	}
	return fmt.Errorf("%s: %q %w", where, text, err)
}

func readLayers(src Sources, table []Field) ([]map[string]setting, error) {
	var faults []error
	var file map[string]setting
	path := src.File
	env, err := readEnv(src.Env, table, os.ReadFile)
	faults = append(faults, err)
	if s, ok := env[EnvFile]; ok && path == "" {
		path = s.text
	}
	if path != "" {
		file, err = readFile(path, table)
		faults = append(faults, err)
	}
	flags, err := readFlags(src.Flags, table)
	faults = append(faults, err)
	return []map[string]setting{file, env, flags}, errors.Join(faults...)
}

func readFlags(given map[string]string, table []Field) (map[string]setting, error) {
	layer := map[string]setting{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(table, func(f Field) bool { return f.Key == key && !f.Secret })
		if i < 0 {
			return nil, fmt.Errorf("--%s: there is no such flag", flagName(key))
		}
		layer[key] = setting{given[key], "--" + flagName(key)}
	}
	return layer, nil
}
