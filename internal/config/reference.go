package config

import (
	"fmt"
	"strings"
)

const referenceHead = `# Configuration

<!-- Made by "pawl config reference"; the text is in internal/config/fields.go. -->

Every key can be set in a YAML file, by an environment variable and, unless it
is a secret, by a flag. A flag wins over the environment, the environment over
the file, the file over the default:

` + "```sh" + `
pawl serve --config pawl.yaml                     # a file; or PAWL_CONFIG=pawl.yaml
PAWL_ACCESS_TTL=10m pawl serve                    # the environment
pawl serve --access-ttl 10m                       # a flag
` + "```" + `

- Add ` + "`_FILE`" + ` to a variable and it names a file that holds the value:
  ` + "`PAWL_ISSUER_FILE=/run/config/issuer`" + `. A newline at the file's end does not
  count. A secret's file must be readable by its owner only (mode 0600 or 0400).
- ` + "`pawl config check`" + ` says what is wrong, all of it at once. ` + "`pawl config print`" + `
  shows what is in force and where each value came from.
- Unknown keys and unknown ` + "`PAWL_`" + ` variables are refused, with the nearest name
  that exists; so are keys that are set twice. The variables that Kubernetes
  makes for a Service called pawl (` + "`PAWL_SERVICE_HOST`" + `, ` + "`PAWL_PORT_…`" + `) are ignored.
- Durations are written with their unit: ` + "`60s`, `30m`, `336h`, `14d`, `1d12h`" + `. In a
  variable or a flag, the items of a list are separated by commas.
- Relative paths start from the directory in which pawl is run.
- What begins with ` + "`unsafe_`" + ` gives up a protection.
`

// Reference is docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := ""
	for _, f := range Fields() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		writeField(&b, f)
	}
	return b.String()
}

func writeField(b *strings.Builder, f Field) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n- Value: %s\n- Default: %s\n- Set by: %s\n", f.Key, f.meaning(), f.Kind(), f.defaultText(), f.setBy())
}

// Help says for a help text what the field does, and what it is without being set.
func (f Field) Help() string { return f.meaning() + " Default: " + f.defaultText() + "." }

func (f Field) meaning() string { return strings.TrimSpace(f.Doc + " " + f.Zero) }

// Placeholder stands for the value in a help text.
func (f Field) Placeholder() string {
	switch f.value.(type) {
	case durationValue, optionalDurationValue:
		return "DURATION"
	case intValue:
		return "NUMBER"
	case sizeValue:
		return "SIZE"
	case choiceValue:
		return strings.Join(f.value.(choiceValue).choices, "|")
	case listValue, prefixesValue:
		return "A,B"
	case dateValue:
		return "DATE"
	}
	switch {
	case strings.HasSuffix(f.Key, "_file"):
		return "FILE"
	case strings.HasSuffix(f.Key, "_dir"):
		return "DIRECTORY"
	case strings.HasSuffix(f.Key, "listen"):
		return "ADDRESS:PORT"
	case strings.HasPrefix(f.Key, legacyPrefix):
		return "TEXT"
	}
	return "URL"
}

func (f Field) defaultText() string {
	switch {
	case f.Derived != "":
		return f.Derived
	case f.Default == "":
		return "empty"
	}
	return "`" + f.Default + "`"
}

func (f Field) setBy() string {
	if f.Secret {
		return fmt.Sprintf("`%s` in the environment; in a file and as a flag it is refused, as it is a secret", f.Env())
	}
	flag := "--" + f.Flag()
	if !f.Bool() {
		flag += "=…"
	}
	return fmt.Sprintf("`%s: …` in the file, `%s`, `%s`", f.Key, f.Env(), flag)
}
