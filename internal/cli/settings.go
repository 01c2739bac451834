package cli

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/internal/config"
)

// allKeys is every key; storeKeys those that find the
// stores, restoreKeys those that find their master key as well.
func allKeys(config.Field) bool { return true }

func storeKeys(f config.Field) bool {
	switch f.Key {
	case "data_dir", "database", "sessions":
		return true
	}
	return false
}

func restoreKeys(f config.Field) bool { return storeKeys(f) || f.Key == "master_key_file" }

// newSettings makes the flags of the configuration keys that want picks: a
// struct made from the configuration's own table, so that flags cannot differ
// from it. The values stay text; package config reads them. hidden keeps them
// out of the help text.
func newSettings(want func(config.Field) bool, hidden bool) kong.Plugins {
	var members []reflect.StructField
	for _, f := range config.Fields() {
		if f.Flag() == "" || !want(f) {
			continue
		}
		members = append(members, reflect.StructField{
			Name: strings.ToUpper(f.Key[:1]) + f.Key[1:], Type: flagType(f), Tag: flagTag(f, hidden),
		})
	}
	return kong.Plugins{reflect.New(reflect.StructOf(members)).Interface()}
}

func flagType(f config.Field) reflect.Type {
	switch {
	case f.Bool():
		return reflect.TypeFor[*bool]()
	case f.List():
		return reflect.TypeFor[[]string]()
	}
	return reflect.TypeFor[*string]()
}

func flagTag(f config.Field, hidden bool) reflect.StructTag {
	help := strings.ReplaceAll(f.Help(), "`", "")
	tag := fmt.Sprintf(`name:%q help:%q group:%q`, f.Flag(), help, f.Group)
	if !f.Bool() {
		tag += fmt.Sprintf(` placeholder:%q`, f.Placeholder())
	}
	if f.List() {
		tag += ` sep:","`
	}
	if hidden {
		tag += ` hidden:""`
	}
	return reflect.StructTag(tag)
}

// given collects the flags that were on the command line, key → text.
func given(flags kong.Plugins) map[string]string {
	texts := map[string]string{}
	for _, p := range flags {
		v := reflect.ValueOf(p).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				continue
			}
			name := v.Type().Field(i).Name
			texts[strings.ToLower(name)] = flagText(v.Field(i).Interface())
		}
	}
	return texts
}

func flagText(v any) string {
	switch v := v.(type) {
	case *string:
		return *v
	case *bool:
		return fmt.Sprint(*v)
	case []string:
		return strings.Join(v, ",")
	}
	panic("cli: a flag of an unknown type")
}
