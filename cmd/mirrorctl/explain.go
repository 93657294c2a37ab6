package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// flagNames are flags whose names differ from the fields that they fill.
var flagNames = map[string]string{
	"scopes": "scope", "allowed_addresses": "allowed-address", "grace_seconds": "grace",
	"organization": "organization-name", "organization_id": "organization",
}

// explain puts what went wrong in the words of the command line.
func explain(cmd *cobra.Command, args []string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *accounts.FieldError:
		return explainField(cmd, e)
	case interface{ Unwrap() []error }:
		var parts []error
		for _, part := range e.Unwrap() {
			parts = append(parts, explain(cmd, args, part))
		}
		return errors.Join(parts...)
	}
	switch {
	case errors.Is(err, accounts.ErrUnavailable):
		return &exitError{exitCouldNot, fmt.Errorf("%w: is the database up?", err)}
	case errors.Is(err, accounts.ErrNotFound):
		return notFound(cmd, args)
	}
	return err
}

func explainField(cmd *cobra.Command, e *accounts.FieldError) error {
	name, ok := flagNames[e.Field]
	if !ok {
		name = strings.ReplaceAll(e.Field, "_", "-")
	}
	if cmd.Flags().Lookup(name) == nil {
		return e
	}
	return fmt.Errorf("--%s: %s", name, e.Message)
}

// notFound names the ids that were asked for.
func notFound(cmd *cobra.Command, args []string) error {
	ids := slices.Clone(args)
	for name := range idFlags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			ids = append(ids, f.Value.String())
		}
	}
	var said []string
	for _, id := range ids {
		if thing, ok := things[id[:min(len(id), 4)]]; ok {
			said = append(said, fmt.Sprintf("there is no %s: see `mirrorctl %s`", id, thing.command))
		}
	}
	return errors.New(strings.Join(said, ", or "))
}
