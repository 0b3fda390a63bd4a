package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"fresnel/internal/auth"
	"fresnel/internal/config"
)

// userCommand is for who has lost the way in: everything else about users is the API's.
func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "give a user of the service a new password, from the machine that it runs on"}
	var f serveFlags
	reset := &cobra.Command{
		Use:   "reset NAME",
		Short: "give a user a new random password, and print it",
		Long: `Reset gives a user a new random password, which is to be changed at the next login, and ends
the sessions of the user. The service must not be running. Whoever can write to its data
folder can do this.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStore(&f, true, func(_ *config.Loaded, s database) error {
				c := auth.DefaultConfig()
				c.Records, c.Log, c.Now = s, a.logger(), time.Now
				users, err := auth.Open(cmd.Context(), c)
				if err != nil {
					return err
				}
				password, err := users.SetPassword(cmd.Context(), auth.Program(), args[0], "", true)
				if err == nil {
					_, err = fmt.Fprintln(a.stdout, password)
				}
				return err
			})
		},
	}
	reset.Flags().StringVar(&f.data, "data", "", "`folder` of the database (store.dir)")
	cmd.AddCommand(reset)
	return cmd
}
