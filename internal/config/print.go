package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes the configuration in force as a YAML file that gives the same
// configuration when it is loaded, with where each value came from. Secrets are
// not written: a comment says that one is set.
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	group := ""
	for _, f := range fields(c) {
		if f.Group != group {
			if group != "" {
				b.WriteByte('\n')
			}
			group = f.Group
			fmt.Fprintf(&b, "# %s\n", group)
		}
		line := fmt.Sprintf("%s: %s", f.Key, yamlText(f.value))
		if f.Secret {
			line = fmt.Sprintf("# %s: %s", f.Key, f.value.text())
			if f.value.text() == "" {
				line = fmt.Sprintf("# %s: not set", f.Key)
			}
		}
		if u, ok := f.value.(urlValue); ok && u.p.HasPassword() {
			line = "# " + line
		}
		if o := c.origins[f.Key]; o != "" {
			line += " # " + comment(o)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// yamlText quotes what YAML or a reader could take for something else. JSON's
// quoting is YAML's, too.
func yamlText(v value) string {
	switch v := v.(type) {
	case textValue, dateValue, urlValue:
		return quote(v.text())
	case listValue:
		return quoteList(*v.p)
	case prefixesValue:
		if v.text() == "" {
			return "[]"
		}
		return quoteList(strings.Split(v.text(), ","))
	}
	return v.text()
}

func quoteList(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSpace(b.String())
}

// comment keeps a file's name from ending the comment.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, s)
}
