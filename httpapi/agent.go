package httpapi

import (
	"unicode/utf8"

	"github.com/pawlauth/pawl/api"
)

const maxLabel = 64 // characters

// deviceLabel is the name that a person gave a device, without what is not
// printable.
func deviceLabel(label string) (string, error) {
	label = api.Printable(label)
	if utf8.RuneCountInString(label) > maxLabel {
		return "", api.ErrInvalidRequest.With("The label is longer than %d characters.", maxLabel)
	}
	return label, nil
}
