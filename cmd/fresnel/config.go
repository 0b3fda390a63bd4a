package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"fresnel/internal/config"
	"fresnel/internal/filter"
	"fresnel/internal/tuning"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "write, show or check the settings"}
	var file string
	initCmd := &cobra.Command{
		Use:   "init",
		Short: "write a settings file with every setting, its default and what it means",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return config.WriteDefault(a.stdout)
			}
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // never over what is there
			if err != nil {
				return err
			}
			if err := config.WriteDefault(f); err != nil {
				f.Close()
				return err
			}
			return f.Close()
		},
	}
	initCmd.Flags().StringVar(&file, "file", "", "write to this new `file` instead of standard output")
	var f serveFlags
	show := &cobra.Command{
		Use:   "show",
		Short: "show the settings in force and where each value came from",
		Long: `Show prints the settings in force, each with a comment that says where its value came from: a
file, a variable, a flag, or nowhere (default).

With --data what people saved in the service counts as well, as it does for serve and run.
While the service runs, which keeps the database to itself, GET /api/v1/config tells the same.`,
		Example: `  fresnel config show --config mine.yaml
  fresnel config show --data /var/lib/fresnel`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.data != "" {
				return a.showSaved(cmd.Context(), &f)
			}
			loaded, err := a.load()
			if err != nil {
				return err
			}
			return loaded.Show(a.stdout)
		},
	}
	show.Flags().StringVar(&f.data, "data", "", "`folder` of the database (store.dir), for what was saved in the service")
	check := &cobra.Command{
		Use:   "check [FILE]",
		Short: "check a settings file, the environment and --set; all errors at once",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.configFile = args[0]
			}
			loaded, err := a.load()
			if err != nil {
				return err
			}
			if _, err := filter.Compile(loaded.Config.Filter); err != nil {
				return err
			}
			if err := checkMaps(loaded.Config.Inputs.Delimited); err != nil {
				return err
			}
			where := loaded.File
			if where == "" {
				where = "no settings file"
			}
			_, err = fmt.Fprintf(a.stdout, "%s: ok\n", where)
			return err
		},
	}
	cmd.AddCommand(initCmd, show, check)
	return cmd
}

// showSaved shows the settings in force with those that a database holds.
func (a *app) showSaved(ctx context.Context, f *serveFlags) error {
	return a.withStore(f, true, func(loaded *config.Loaded, s database) error {
		t, err := tuning.Open(ctx, s, loaded, a.logger())
		if err != nil {
			return err
		}
		return t.Loaded().Show(a.stdout)
	})
}
