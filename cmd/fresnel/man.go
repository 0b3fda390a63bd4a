package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"fresnel/internal/event"
	"fresnel/internal/source"
	"fresnel/internal/source/all"
	"fresnel/internal/source/delimited"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "write the man pages into a folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: strings.ToUpper(root.Name()), Section: "1", Source: root.Name() + " " + version}, args[0])
		},
	}
}

func (a *app) inputsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inputs",
		Short: "list the inputs, the maps of delimited text, and the fields of an event",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.load()
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "Inputs (--input):")
			for _, f := range all.Formats {
				fmt.Fprintf(t, "  %s\t%s\n", f.Name, f.Summary)
			}
			for _, name := range delimited.Names(loaded.Config.Inputs.Delimited) {
				fmt.Fprintf(t, "  %s:%s\n", delimited.Format.Name, name)
			}
			fmt.Fprintln(t, "\nFields (--group-by, filter):")
			for _, f := range event.Fields() {
				fmt.Fprintf(t, "  %s\n", f)
			}
			return t.Flush()
		},
	}
}

// checkMaps checks the column maps of the settings as the input does that reads by them.
func checkMaps(maps map[string]source.ColumnMap) error {
	_, err := delimited.Format.New(source.Options{Fields: event.AllFields, Delimited: maps})
	return err
}
