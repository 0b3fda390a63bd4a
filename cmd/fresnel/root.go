package main

import (
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fresnel/internal/config"
)

// command returns the root command with all others below it.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "fresnel",
		Short: "find command-and-control beacons in network telemetry",
		Long: `Fresnel reads the network events that people already collect, groups them (by default by
host and process), cuts a window into time buckets, and tells which groups call out on a
timer and with payloads of a constant size.

Exit codes: 0 the command ran; 1 an error; 2 something was found and --fail-on-finding
was given.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	f := root.PersistentFlags()
	f.StringVar(&a.configFile, "config", "", "settings `file` (default: $FRESNEL_CONFIG, else fresnel/fresnel.yaml in the user's configuration folder where it exists)")
	f.StringArrayVar(&a.sets, "set", nil, "set one `key=value`, such as beacon.max_jitter=0.2; may be given several times")
	f.StringVar(&a.cpuProfile, "cpu-profile", "", "write a CPU profile of the command to this `file`")
	_ = f.MarkHidden("cpu-profile")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.startProfile() }
	root.PersistentPostRunE = func(*cobra.Command, []string) error {
		if a.stopProfile == nil {
			return nil
		}
		return a.stopProfile()
	}
	root.AddCommand(a.scanCommand(), a.simulateCommand(), a.explainCommand(), a.evaluateCommand(), a.serveCommand(), a.runCommand(), a.exportCommand(), a.importCommand(), a.userCommand(), a.configCommand(), a.inputsCommand(), a.manCommand())
	return root
}

// keyVariable is how the environment holds the API key of commands that ask a running service:
// it is a secret, and no setting.
const keyVariable = "FRESNEL_KEY="

// load reads the settings; those of flags win over those of --set.
func (a *app) load(flags ...[2]string) (*config.Loaded, error) {
	file := a.configFile
	if file == "" && os.Getenv("FRESNEL_CONFIG") == "" {
		if dir, err := os.UserConfigDir(); err == nil {
			usual := filepath.Join(dir, "fresnel", "fresnel.yaml")
			if _, err := os.Stat(usual); err == nil {
				file = usual
			}
		}
	}
	env := slices.DeleteFunc(slices.Clone(a.env), func(v string) bool { return strings.HasPrefix(v, keyVariable) })
	return config.Load(config.Sources{File: file, Env: env, Set: a.sets, Flags: flags})
}

// startProfile begins the CPU profile that --cpu-profile asks for.
func (a *app) startProfile() error {
	if a.cpuProfile == "" {
		return nil
	}
	f, err := os.Create(a.cpuProfile)
	if err != nil {
		return err
	}
	a.stopProfile = func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}
	return pprof.StartCPUProfile(f)
}
