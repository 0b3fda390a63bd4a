package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"fresnel/internal/config"
	"fresnel/internal/filter"
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
	show := &cobra.Command{
		Use:   "show",
		Short: "show the settings in force and where each value came from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.load()
			if err != nil {
				return err
			}
			return loaded.Show(a.stdout)
		},
	}
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
