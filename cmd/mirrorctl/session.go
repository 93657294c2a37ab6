package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// desk makes the commands about accounts. They all open the registry, take ids and print in the same way.
type desk struct {
	data   *string
	output string
}

// session is one run of such a command.
type session struct {
	accounts.Registry
	ctx    context.Context
	args   []string
	in     io.Reader
	out    io.Writer
	output string // table or json
}

// group is a command that has only subcommands.
func (d *desk) group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: help}
	cmd.AddCommand(commands...)
	return d.printing(cmd)
}

// printing gives a command and those under it the choice of how to print.
func (d *desk) printing(cmd *cobra.Command) *cobra.Command {
	cmd.PersistentFlags().StringVarP(&d.output, "output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if d.output != "table" && d.output != "json" {
			return fmt.Errorf("--output is %q: it must be table or json", d.output)
		}
		return nil
	}
	return cmd
}

// command is one that works on accounts. Its arguments are the words of use: "org_…" is an id, "member|admin" a choice, another
// word stands for any text.
func (d *desk) command(use, short string, do func(*session) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error { return checkArgs(cmd, strings.Fields(use)[1:], args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkIDFlags(cmd); err != nil {
				return err
			}
			r, closeDB, err := openRegistry(cmd.Context(), *d.data)
			if err != nil {
				return &exitError{exitCouldNot, err}
			}
			defer closeDB()
			s := &session{Registry: r, ctx: cmd.Context(), args: args, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), output: d.output}
			return explain(cmd, args, do(s))
		},
	}
}

func checkArgs(cmd *cobra.Command, words, args []string) error {
	if err := cobra.ExactArgs(len(words))(cmd, args); err != nil {
		return fmt.Errorf("%w: %s", err, cmd.UseLine())
	}
	for i, word := range words {
		choices := strings.Split(word, "|")
		switch prefix, isID := strings.CutSuffix(word, "…"); {
		case isID:
			if err := checkID(cmd.Name()+" takes", prefix, args[i]); err != nil {
				return err
			}
		case len(choices) > 1 && !slices.Contains(choices, args[i]):
			return fmt.Errorf("%s takes one of %s", cmd.Name(), strings.Join(choices, ", "))
		}
	}
	return nil
}

// idFlags are the flags that take ids, wherever they occur.
var idFlags = map[string]string{"user": "usr_", "organization": "org_", "into": "org_"}

func checkIDFlags(cmd *cobra.Command) error {
	for name, prefix := range idFlags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			if err := checkID("--"+name+" takes", prefix, f.Value.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// things are what ids name, by their prefixes.
var things = map[string]struct{ name, command string }{
	"usr_": {"a user", "users list"}, "org_": {"an organisation", "orgs list"}, "key_": {"a key", "keys list"},
	"inv_": {"an invitation", "orgs invitations"},
}

// checkID keeps what is no id, and may be a key, from being asked for and repeated.
func checkID(who, prefix, id string) error {
	if apikey.IsID(prefix, id) {
		return nil
	}
	thing, never := things[prefix], ""
	if prefix == "key_" {
		never = ", never the key itself"
	}
	return fmt.Errorf("%s the id of %s (%s…)%s: see `mirrorctl %s`", who, thing.name, prefix, never, thing.command)
}

// all reads a list to its end, or as far as most (0: to the end).
func all[T any](most int, read func(accounts.Page) (accounts.Listed[T], error)) ([]T, error) {
	const page = 1000
	items := []T{}
	for after := int64(0); ; {
		limit := page
		if most > 0 {
			limit = min(page, most-len(items))
		}
		list, err := read(accounts.Page{After: after, Limit: limit})
		if err != nil {
			return nil, err
		}
		items = append(items, list.Items...)
		if after = list.Next; after == 0 || len(items) == most {
			return items, nil
		}
	}
}
