package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const maxFile = 1 << 20 // bytes

func readFile(path string, table []Field) (map[string]setting, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("configuration file: %w", err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("%s: larger than 1 MiB; this is not a configuration file", path)
	}
	return parseFile(path, b, table)
}

// parseFile reads one YAML document: a mapping from known keys to scalars or
// lists of scalars. Anchors, aliases and merge keys are refused: nothing here
// needs them, and they hide what is set.
func parseFile(path string, b []byte, table []Field) (map[string]setting, error) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil // empty: all defaults
	case err != nil:
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one YAML document; keep the first", path)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: must be lines of the form \"key: value\"", path, root.Line)
	}
	return readMapping(path, root, table)
}

func readMapping(path string, root *yaml.Node, table []Field) (map[string]setting, error) {
	layer := map[string]setting{}
	lines := map[string]int{}
	var faults []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, node := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s:%d", path, name.Line)
		key := name.Value
		if line, again := lines[key]; again {
			faults = append(faults, fmt.Errorf("%s: %s is set twice, first in line %d; keep one", at, key, line))
			continue
		}
		lines[key] = name.Line
		text, err := fileText(key, node, table)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", at, err))
			continue
		}
		layer[key] = setting{text, at}
	}
	return layer, errors.Join(faults...)
}

// fileText gives the text of a key's value.
func fileText(key string, node *yaml.Node, table []Field) (string, error) {
	i := slices.IndexFunc(table, func(f Field) bool { return f.Key == key })
	if i < 0 {
		return "", fmt.Errorf("unknown key %q; %s", short(key), didYouMean(key, fileKeys(table)))
	}
	f := table[i]
	if f.Secret {
		return "", fmt.Errorf("%s is a secret and does not belong in this file; set the variable %s, or put it into a file of mode 0600 and name that in %s_file", key, f.Env(), key)
	}
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return "", fmt.Errorf("%s has no value; write one, or delete the line to get the default", key)
		}
		return node.Value, nil
	case yaml.SequenceNode:
		return fileList(f, node)
	}
	return "", fmt.Errorf("%s must be a %s, without nesting, anchors and aliases", key, f.Kind())
}

func fileList(f Field, node *yaml.Node) (string, error) {
	if !f.List() {
		return "", fmt.Errorf("%s takes one value, not a list", f.Key)
	}
	items := make([]string, len(node.Content))
	for i, n := range node.Content {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.Contains(n.Value, ",") {
			return "", fmt.Errorf("%s must be a list of plain values, each without a comma", f.Key)
		}
		items[i] = n.Value
	}
	return strings.Join(items, ","), nil
}

func fileKeys(table []Field) []string {
	var keys []string
	for _, f := range table {
		if !f.Secret {
			keys = append(keys, f.Key)
		}
	}
	return keys
}
