package userimport

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Format is how a file holds people.
type Format string

// The formats.
const (
	CSV       Format = "csv"   // RFC 4180, with a header line
	JSONLines Format = "jsonl" // one JSON object a line
)

// FormatOf tells the format by the file's name. The error says what to do
// where the name does not tell.
func FormatOf(path string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".csv":
		return CSV, nil
	case ".jsonl", ".ndjson":
		return JSONLines, nil
	case ".json":
		return "", errors.New("a .json file is one document, and people are read line by line: turn an array into lines with \"jq -c '.[]'\", or add --format jsonl if it has one object a line")
	default:
		return "", fmt.Errorf("%q does not tell how the file is written; add --format csv or --format jsonl", filepath.Base(path))
	}
}

// field is what a column or member is about.
type field string

const (
	fieldUserID   field = "userId"
	fieldHash     field = "passwordHash"
	fieldRoles    field = "roles"
	fieldClaims   field = "claims"
	fieldDisabled field = "disabled"
	fieldSubject  field = "subject"
	fieldSecret   field = "secretData"
	fieldKeycloak field = "credentialData"
)

// Fields are the names of the columns and members that are known.
func Fields() []string {
	return []string{
		string(fieldUserID), string(fieldHash), string(fieldRoles), string(fieldClaims), string(fieldDisabled),
		string(fieldSubject), string(fieldSecret), string(fieldKeycloak),
	}
}

// fieldOf finds what a name means. Databases write it as user_id or userid.
func fieldOf(name string) (field, bool) {
	plain := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "")
	for _, known := range Fields() {
		if strings.ToLower(known) == plain {
			return field(known), true
		}
	}
	return "", false
}
