package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/load"
)

// openPrivate opens a file with passwords, which nobody else may read.
func openPrivate(path string) (*os.File, error) {
	if err := config.CheckPrivate(path, 0o077); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// readPeople reads logins and passwords. No error names what a line holds.
func readPeople(path string) ([]load.Person, error) {
	f, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	var people []load.Person
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := r.FieldPos(0)
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			line = parse.Line
		} else if err != nil {
			return nil, err
		}
		if err != nil || len(fields) != 2 || fields[0] == "" || fields[1] == "" {
			return nil, fmt.Errorf("%s, line %d: there must be a login and a password, separated by a comma", path, line)
		}
		people = append(people, load.Person{Login: fields[0], Password: fields[1]})
	}
	if len(people) == 0 {
		return nil, fmt.Errorf("there is nobody in %s", path)
	}
	return people, nil
}
