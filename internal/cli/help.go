package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// asMeant turns the ways in which people ask for help and for the version into
// the ones that the grammar knows: "pawl", "pawl help user add", "pawl user",
// "pawl user help", "pawl --version".
func asMeant(args []string, root *kong.Node) []string {
	if slices.Equal(args, []string{"--version"}) {
		return []string{"version"}
	}
	if len(args) > 0 && args[0] == "help" {
		return append(args[1:], "--help")
	}
	node := root
	for i, arg := range args {
		if arg == "help" && node.Type != kong.ArgumentNode && len(node.Children) > 0 && i == len(args)-1 {
			return append(slices.Clone(args[:i]), "--help")
		}
		if node = child(node, arg); node == nil {
			return args
		}
	}
	if len(node.Children) > 0 { // a group of commands, and none of them
		return append(slices.Clone(args), "--help")
	}
	return args
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Type == kong.CommandNode && c.Name == name {
			return c
		}
	}
	return nil
}

// misspelt says that a command does not exist in the words of a person, where
// the parser speaks of arguments.
func misspelt(err error, group string) string {
	name, found := strings.CutPrefix(err.Error(), "unexpected argument ")
	if !found {
		return err.Error()
	}
	name, hint, _ := strings.Cut(name, ", ")
	said := "there is no command \"" + strings.Join(strings.Fields("pawl "+group+" "+name), " ") + "\""
	if hint != "" {
		said += ", " + hint
	}
	return said
}
