package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

func keysCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Make, list and revoke API keys", Args: cobra.NoArgs, RunE: help}
	output := cmd.PersistentFlags().StringP("output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if *output != "table" && *output != "json" {
			return fmt.Errorf("--output is %q: it must be table or json", *output)
		}
		return nil
	}
	cmd.AddCommand(keysCreate(data, output), keysList(data, output), keysRevoke(data))
	return cmd
}

func keysCreate(data, output *string) *cobra.Command {
	var spec accounts.KeySpec
	var platform, admin bool
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and print it, the only time that it is shown",
		Example: `  mirrorctl keys create --user usr_4f… --environment live --name "billing job"
  mirrorctl keys create --platform    # for the platform's own API servers
  mirrorctl keys create --admin       # reads and changes everything`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case platform:
				spec.Scopes = append(spec.Scopes, apikey.ScopeTelemetryWriteAny)
			case admin:
				spec.Scopes = append(spec.Scopes, apikey.ScopeAdmin)
			}
			if expires > 0 {
				spec.ExpiresAt = time.Now().Add(expires)
			}
			return withRegistry(cmd.Context(), *data, func(r accounts.Registry) error {
				key, err := r.CreateKey(cmd.Context(), access.Operator, spec)
				if errors.Is(err, accounts.ErrNotFound) {
					return fmt.Errorf("there is no user %s: see the user ids of `mirrorctl keys list`", spec.UserID)
				}
				if err != nil {
					return err
				}
				return printNewKey(cmd.OutOrStdout(), *output, key)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&spec.UserID, "user", "", "the owner, usr_…")
	f.BoolVar(&platform, "platform", false, "a key for the platform's own API servers (scope telemetry:write_any)")
	f.BoolVar(&admin, "admin", false, "a key that reads and changes everything (scope admin)")
	f.StringVar(&spec.Environment, "environment", apikey.Live, "live or sandbox")
	f.StringVar(&spec.Name, "name", "", "what the key is for")
	f.StringArrayVar(&spec.Scopes, "scope", nil, "a scope, may be repeated: in place of a user's usual ones, or besides those of --platform and --admin")
	f.DurationVar(&expires, "expires-in", 0, "time until the key ends, such as 720h; 0 is never")
	cmd.MarkFlagsOneRequired("user", "platform", "admin")
	cmd.MarkFlagsMutuallyExclusive("user", "platform", "admin")
	return cmd
}

func keysList(data, output *string) *cobra.Command {
	var filter accounts.KeyFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List keys in order of creation",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withRegistry(cmd.Context(), *data, func(r accounts.Registry) error {
				keys, err := all(func(p accounts.Page) (accounts.Listed[accounts.Key], error) {
					return r.Keys(cmd.Context(), access.Operator, filter, p)
				})
				if err != nil {
					return err
				}
				return printKeys(cmd.OutOrStdout(), *output, keys)
			})
		},
	}
	cmd.Flags().StringVar(&filter.UserID, "user", "", "only keys of this user, usr_…")
	cmd.Flags().StringVar(&filter.OrganizationID, "organization", "", "only keys of this organisation, org_…")
	cmd.Flags().BoolVar(&filter.Active, "active", false, "leave out keys that are revoked or expired")
	return cmd
}

func keysRevoke(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke key_…",
		Short: "End a key at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.HasPrefix(args[0], "key_") {
				return errors.New("revoke takes the id of a key (key_…), never the key itself: see `mirrorctl keys list`")
			}
			return withRegistry(cmd.Context(), *data, func(r accounts.Registry) error {
				_, err := r.RevokeKey(cmd.Context(), access.Operator, args[0])
				if errors.Is(err, accounts.ErrNotFound) {
					return fmt.Errorf("there is no key %s: see `mirrorctl keys list`", args[0])
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "revoked", args[0])
				return err
			})
		},
	}
}

// all reads a list to its end.
func all[T any](read func(accounts.Page) (accounts.Listed[T], error)) ([]T, error) {
	var items []T
	for page := (accounts.Page{Limit: 1000}); ; {
		list, err := read(page)
		if err != nil {
			return nil, err
		}
		items = append(items, list.Items...)
		if page.After = list.Next; page.After == 0 {
			return items, nil
		}
	}
}

// withRegistry opens the database for one command.
func withRegistry(ctx context.Context, data string, do func(accounts.Registry) error) error {
	r, closeDB, err := openRegistry(ctx, data)
	if err != nil {
		return &exitError{exitCouldNot, err}
	}
	defer closeDB()
	return do(r)
}
