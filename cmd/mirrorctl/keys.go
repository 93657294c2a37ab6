package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

func keysCommand(data *string) *cobra.Command {
	d := &desk{data: data}
	return d.group("keys", "Make, list, change and end API keys",
		keysList(d), keysShow(d), keysCreate(d), keysChange(d), keysRotate(d), keysRevoke(d), keysImport(d))
}

func keysList(d *desk) *cobra.Command {
	var filter accounts.KeyFilter
	cmd := d.command("list", "List keys in order of creation", func(s *session) error {
		keys, err := all(0, func(p accounts.Page) (accounts.Listed[accounts.Key], error) {
			return s.Keys(s.ctx, access.Operator, filter, p)
		})
		if err != nil {
			return err
		}
		return printList(s, viewsOf(keys, viewOfKey), keyColumns)
	})
	f := cmd.Flags()
	f.StringVar(&filter.UserID, "user", "", "only keys of this user, usr_…")
	f.StringVar(&filter.OrganizationID, "organization", "", "only keys of this organisation, org_…")
	f.BoolVar(&filter.Active, "active", false, "leave out keys that are revoked or expired")
	return cmd
}

func keysShow(d *desk) *cobra.Command {
	return d.command("show key_…", "Show a key", func(s *session) error {
		key, _, err := s.Key(s.ctx, access.Operator, s.args[0])
		if err != nil {
			return err
		}
		v := viewOfKey(key)
		return printOne(s, &v, keyColumns)
	})
}

func keysCreate(d *desk) *cobra.Command {
	var spec accounts.KeySpec
	var platform, admin bool
	var flags keyFlags
	cmd := d.command("create", "Make a key and print it, the only time that it is shown", func(s *session) error {
		switch {
		case platform:
			flags.scopes = append(flags.scopes, apikey.ScopeTelemetryWriteAny)
		case admin:
			flags.scopes = append(flags.scopes, apikey.ScopeAdmin)
		}
		if err := flags.fill(&spec); err != nil {
			return err
		}
		key, err := s.CreateKey(s.ctx, access.Operator, spec)
		if err != nil {
			return err
		}
		return printNewKey(s, key)
	})
	cmd.Example = `  mirrorctl keys create --user usr_4f… --environment live --name "billing job"
  mirrorctl keys create --platform    # for the platform's own API servers
  mirrorctl keys create --admin       # reads and changes everything`
	f := cmd.Flags()
	f.StringVar(&spec.UserID, "user", "", "the owner, usr_…")
	f.BoolVar(&platform, "platform", false, "a key for the platform's own API servers (scope telemetry:write_any)")
	f.BoolVar(&admin, "admin", false, "a key that reads and changes everything (scope admin)")
	f.StringVar(&spec.Environment, "environment", apikey.Live, "live or sandbox")
	flags.add(f, "a scope, may be repeated: in place of a user's usual ones, or besides those of --platform and --admin")
	cmd.MarkFlagsOneRequired("user", "platform", "admin")
	cmd.MarkFlagsMutuallyExclusive("user", "platform", "admin")
	return cmd
}

func keysChange(d *desk) *cobra.Command {
	var flags keyFlags
	var cmd *cobra.Command
	cmd = d.command("change key_…", "Change what is given, everywhere within a second", func(s *session) error {
		change, err := flags.change(cmd.Flags())
		if err != nil {
			return err
		}
		key, err := s.ChangeKey(s.ctx, access.Operator, s.args[0], change)
		if err != nil {
			return err
		}
		v := viewOfKey(key)
		return printOne(s, &v, keyColumns)
	})
	cmd.Example = `  mirrorctl keys change key_1a… --requests-per-hour 10000 --requests-per-month 0
  mirrorctl keys change key_1a… --allowed-address 203.0.113.0/24 --expires-at never`
	flags.add(cmd.Flags(), "a scope, may be repeated: all that the key is to have")
	return cmd
}

func keysRotate(d *desk) *cobra.Command {
	var grace time.Duration
	cmd := d.command("rotate key_…", "Make a key that can do the same, print it, and have the old one end", func(s *session) error {
		key, err := s.RotateKey(s.ctx, access.Operator, s.args[0], grace)
		if err != nil {
			return err
		}
		return printNewKey(s, key)
	})
	cmd.Flags().DurationVar(&grace, "grace", 0, "how long the old key stays good, such as 24h, at most 720h")
	return cmd
}

func keysRevoke(d *desk) *cobra.Command {
	return d.command("revoke key_…", "End a key at once, which cannot be taken back", func(s *session) error {
		key, err := s.RevokeKey(s.ctx, access.Operator, s.args[0])
		if err != nil {
			return err
		}
		return printDone(s, viewOfKey(key), "revoked %s", key.KeyID)
	})
}
