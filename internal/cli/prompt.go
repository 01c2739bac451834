package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pawlauth/pawl/password"
)

// passwordFlags are the ways to hand over a new password. A password is never
// an argument: everybody on the machine can read a process's arguments, and
// the shell keeps them.
type passwordFlags struct {
	PasswordStdin bool   `xor:"password" help:"Read the password from standard input: one line, without a prompt."`
	Hash          string `xor:"password" placeholder:"HASH" help:"Take over a stored hash instead of a password: Argon2, bcrypt, scrypt or PBKDF2, as PHC strings or as Spring Security, Django or passlib write them. Put it in single quotes. It is brought up to date at the next sign-in."`
}

// ask gives the new password, from standard input or the terminal.
func (f passwordFlags) ask(a *app, who string) (string, error) {
	if f.PasswordStdin {
		return readLine(a.stdin)
	}
	first, err := askHidden("New password for " + who + ": ")
	if err != nil {
		return "", err
	}
	second, err := askHidden("The same again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ; nothing was changed")
	}
	return first, err
}

// readLine reads one line, at most what a password may have.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, password.MaxBytes+2)).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line == "" {
		return "", errors.New("standard input holds no password")
	}
	return line, nil
}

// askHidden asks on the terminal, even where standard input comes from a pipe,
// and shows nothing of what is typed.
func askHidden(prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("there is no terminal to ask for the password on; pipe it in and add --password-stdin")
	}
	defer tty.Close()
	restore, err := hideInput(tty) // before the prompt: some type fast
	if err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w; pipe the password in and add --password-stdin", err)
	}
	fmt.Fprint(tty, prompt)
	line, err := readLine(tty)
	restore()
	fmt.Fprintln(tty)
	return line, err
}

// confirm asks a question on the terminal.
func confirm(question string) (bool, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false, usagef("this needs a confirmation, and there is no terminal to ask on; add --yes if you are sure")
	}
	defer tty.Close()
	fmt.Fprintf(tty, "%s Type yes to go on: ", question)
	line, err := bufio.NewReader(tty).ReadString('\n')
	return strings.TrimSpace(line) == "yes", err
}
