package rank

import (
	"math"

	"fresnel/internal/identity"
)

// pieces is the table that everything is made from: levels, points, reasons, settings, and
// docs/ranking.md.
var pieces = []Piece{
	// When it calls.
	{
		Name: "timing", Doc: "How sure the timer is: the p-value of the timing model, corrected over all rows. The other pieces about the timer speak only of a fair one or better.",
		Levels: []Level{
			{"none", Against, "too few calls to look for a timer"},
			{"doubtful", Against, "more than 5 %: calls at random times look like it, too"},
			{"fair", Plain, "at most 5 %"},
			{"good", For, "at most 1 %"},
			{"strong", For, "at most 1e-4"},
			{"sure", For, "at most 1e-8"},
			{"certain", For, "at most 1e-20"},
		},
		level: func(v view) uint8 {
			if v.f.Kind == "" {
				return 1
			}
			return 1 + stepsDown(v.f.QValue, chance, counted, 1e-4, 1e-8, 1e-20)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			if !v.timed {
				return append(b, "calls on no timer"...)
			}
			b = append(b, "called "...)
			b = count(b, v.f.Callbacks)
			b = append(b, " times, every "...)
			b = span(b, v.f.PeriodSeconds)
			b = append(b, " +-"...)
			b = percent(b, v.f.Jitter)
			b = append(b, ", over "...)
			return span(b, v.f.SpanSeconds)
		},
	},
	{
		Name: "kind", Doc: "What kind of timer it is.", Free: true,
		Levels: []Level{
			{"sleep", For, "a sleep loop: it waits, calls, and waits again"},
			{"clock", For, "it keeps to the clock, as cron does"},
			{"mixture", For, "a timer under other calls, or two timers"},
			{"growing", For, "it waits longer and longer"},
		},
		level: func(v view) uint8 {
			switch v.f.Kind {
			case "sleep":
				return 1
			case "clock":
				return 2
			case "mixture":
				return 3
			case "growing":
				return 4
			}
			return 0
		},
		say: fixed("waits between calls, as a sleep loop does", "keeps to the clock, as a scheduled task does",
			"a timer among other calls", "waits longer and longer"),
	},
	{
		Name: "callbacks", Doc: "How many times the timer called.",
		Levels: []Level{
			{"below_8", Against, "fewer than 8"},
			{"from_8", Plain, "8 to 19"},
			{"from_20", For, "20 to 59"},
			{"from_60", For, "60 to 199"},
			{"from_200", For, "200 or more"},
		},
		level: func(v view) uint8 {
			if !v.timed {
				return 0
			}
			return steps(float64(v.f.Callbacks), 8, 20, 60, 200)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = count(b, v.f.Callbacks)
			return append(b, " callbacks"...)
		},
	},
	{
		Name: "clear", Doc: "How clear the timer is: what each callback adds to the evidence for it, as -ln(corrected p-value) over the callbacks. With a timer each callback adds as much as the one before; of very many at other times, a few habits make a small p-value too.",
		Levels: []Level{
			{"hardly", Against, "less than 0.03"},
			{"faint", Against, "0.03 to 0.1"},
			{"fair", Plain, "0.1 to 0.3"},
			{"clear", For, "0.3 to 1"},
			{"plain", For, "1 or more, or a p-value that is no larger than can be told"},
		},
		level: func(v view) uint8 {
			if !v.timed || v.f.Callbacks <= 0 {
				return 0
			}
			if v.f.QValue <= leastTold {
				return 5
			}
			return steps(-math.Log(v.f.QValue)/float64(v.f.Callbacks), 0.03, 0.1, 0.3, 1)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level < 3 {
				b = append(b, "its "...)
				b = count(b, v.f.Callbacks)
				return append(b, " callbacks hardly keep to the timer"...)
			}
			return append(b, "its callbacks clearly keep to the timer"...)
		},
	},
	{
		Name: "span", Doc: "How long it kept calling on the timer.",
		Levels: []Level{
			{"below_1h", Against, "less than an hour"},
			{"from_1h", Plain, "1 to 6 hours"},
			{"from_6h", For, "6 to 24 hours"},
			{"from_1d", For, "1 to 3 days"},
			{"from_3d", For, "3 days or more"},
		},
		level: func(v view) uint8 {
			if !v.timed {
				return 0
			}
			return steps(v.f.SpanSeconds, hour, 6*hour, day, 3*day)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "kept calling for "...)
			return span(b, v.f.SpanSeconds)
		},
	},
	{
		Name: "lasting", Doc: "Whether it was still calling when the data end: from its first call to its last, as a share of the time from its first call to the end.",
		Levels: []Level{
			{"stopped", Against, "less than half"},
			{"faded", Plain, "50 to 90 %"},
			{"to_the_end", For, "at least 90 %"},
		},
		level: func(v view) uint8 {
			rest := v.f.DataSeconds - v.f.RowFirst
			if !v.timed || rest < hour {
				return 0
			}
			return steps(v.f.SpanSeconds/rest, 0.5, 0.9)
		},
		say: fixed("stopped long before the data end", "stopped before the data end", "called to the end of the data"),
	},
	{
		Name: "missed", Doc: "Share of the timer's callbacks that are not there, of a timer that is not under other calls.",
		Levels: []Level{
			{"most", Against, "more than half"},
			{"many", Against, "20 to 50 %"},
			{"some", Plain, "5 to 20 %"},
			{"few", For, "1 to 5 %"},
			{"none", For, "at most 1 %"},
		},
		level: func(v view) uint8 {
			all := v.f.Missed + v.f.Callbacks
			if !v.timed || all <= 0 || v.f.Kind == "mixture" {
				return 0
			}
			return stepsDown(float64(v.f.Missed)/float64(all), 0.5, 0.2, 0.05, 0.01)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = count(b, v.f.Missed)
			b = append(b, " of "...)
			b = count(b, v.f.Missed+v.f.Callbacks)
			return append(b, " callbacks missed"...)
		},
	},
	{
		Name: "hours", Doc: "At how many hours of the day it calls, for timers of at least 24 callbacks over 20 hours.",
		Levels: []Level{
			{"office", Against, "at most 12 of 24"},
			{"long_day", Plain, "13 to 20"},
			{"round_the_clock", For, "21 or more"},
		},
		level: func(v view) uint8 {
			if !v.timed || v.f.Callbacks < 24 || v.f.SpanSeconds < 20*hour || v.f.PeriodSeconds > hour {
				return 0
			}
			return steps(float64(v.f.ActiveHours), 13, 21)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 3 {
				return append(b, "calls round the clock"...)
			}
			b = append(b, "calls at "...)
			b = count(b, v.f.ActiveHours)
			return append(b, " hours of the day only"...)
		},
	},
	{
		Name: "jitter", Doc: "How much the waits differ, as a share of the period, unless they grow.", Free: true,
		Levels: []Level{
			{"below_1", For, "less than 1 %"},
			{"from_1", Plain, "1 to 4 %"},
			{"from_4", For, "4 to 12 %"},
			{"from_12", For, "12 to 30 %"},
			{"from_30", For, "30 to 60 %"},
			{"from_60", For, "60 to 95 %"},
			{"from_95", For, "95 % or more: as much as those of calls at random times"},
		},
		level: func(v view) uint8 {
			if !v.timed || v.f.Kind == "growing" {
				return 0
			}
			return steps(v.f.Jitter, 0.01, 0.04, 0.12, 0.3, 0.6, 0.95)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level <= 2 {
				b = append(b, "hardly any jitter, "...)
			} else {
				b = append(b, "jitter of "...)
			}
			return percent(b, v.f.Jitter)
		},
	},
	{
		Name: "period", Doc: "How often it calls.", Free: true,
		Levels: []Level{
			{"below_10s", For, "less than 10 seconds"},
			{"from_10s", For, "10 to 45 seconds"},
			{"from_45s", Plain, "45 to 150 seconds"},
			{"from_150s", For, "150 seconds to 10 minutes"},
			{"from_10m", For, "10 to 45 minutes"},
			{"from_45m", For, "45 minutes to 3 hours"},
			{"from_3h", For, "3 hours or more"},
		},
		level: func(v view) uint8 {
			if !v.timed {
				return 0
			}
			return steps(v.f.PeriodSeconds, 10, 45, 150, 600, 2700, 10800)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "period of "...)
			return span(b, v.f.PeriodSeconds)
		},
	},
	{
		Name: "regimes", Doc: "Callbacks in a stretch of steady timing, on average: pauses and changes of the period divide stretches.", Free: true,
		Levels: []Level{
			{"one", Plain, "all in one stretch"},
			{"above_60", For, "60 or more in each of several"},
			{"above_20", For, "20 to 60"},
			{"up_to_20", For, "fewer than 20"},
		},
		level: func(v view) uint8 {
			if !v.timed || v.f.Regimes <= 0 {
				return 0
			}
			if v.f.Regimes == 1 {
				return 1
			}
			return 1 + stepsDown(float64(v.f.Callbacks)/float64(v.f.Regimes), 60, 20)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = count(b, v.f.Regimes)
			return append(b, " stretches of steady timing"...)
		},
	},
	{
		Name: "failed", Doc: "Share of the attempts that nobody answered.", Free: true,
		Levels: []Level{
			{"none", Plain, "less than 1 %"},
			{"some", For, "1 to 50 %"},
			{"most", For, "50 to 95 %"},
			{"all", For, "95 % or more"},
		},
		level: func(v view) uint8 { return steps(v.f.FailedShare, 0.01, 0.5, 0.95) },
		say: func(b []byte, v view, _ uint8) []byte {
			b = percent(b, v.f.FailedShare)
			return append(b, " of the attempts failed"...)
		},
	},
	{
		Name: "siblings", Doc: "Other destinations that the same process of the host, or the host where no process is known, called on a timer of about the same period before this one began or after it ended: the servers that an implant moves among.", Free: true,
		Levels: []Level{
			{"alone", Plain, "none"},
			{"one", For, "one"},
			{"few", For, "2 to 5"},
			{"many", For, "6 or more"},
		},
		level: func(v view) uint8 {
			if !v.timed {
				return 0
			}
			return steps(float64(v.f.Siblings), 1, 2, 6)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 1 {
				return append(b, "no other destination before or after it on the same timer"...)
			}
			b = count(b, v.f.Siblings)
			if v.f.Siblings == 1 {
				return append(b, " other destination before or after it on the same timer"...)
			}
			return append(b, " other destinations before or after it on the same timer"...)
		},
	},

	// What it sends.
	{
		Name: "sent_spread", Doc: "How much the bytes sent per callback differ: 90th less 10th percentile, over the median.",
		Levels: spreadLevels,
		level:  func(v view) uint8 { return v.spread(v.f.SourceBytes, v.f.SourceBytesSpread) },
		say:    saySpread("sent", func(f *Facts) float64 { return f.SourceBytesSpread }),
	},
	{
		Name: "received_spread", Doc: "The same of the bytes received.",
		Levels: spreadLevels,
		level:  func(v view) uint8 { return v.spread(v.f.DestinationBytes, v.f.DestinationBytesSpread) },
		say:    saySpread("received", func(f *Facts) float64 { return f.DestinationBytesSpread }),
	},
	{
		Name: "payload", Doc: "Bytes of a callback, both ways, in the median.",
		Levels: []Level{
			{"above_100k", Against, "more than 100 kB"},
			{"above_20k", Against, "20 to 100 kB"},
			{"above_5k", Plain, "5 to 20 kB"},
			{"above_1k", For, "1 to 5 kB"},
			{"up_to_1k", For, "at most 1 kB"},
		},
		level: func(v view) uint8 {
			total := v.f.SourceBytes + v.f.DestinationBytes
			if !v.f.HasBytes || total <= 0 {
				return 0
			}
			return stepsDown(total, 100e3, 20e3, 5e3, 1e3)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = bytesOf(b, v.f.SourceBytes+v.f.DestinationBytes)
			return append(b, " a callback"...)
		},
	},
	{
		Name: "balance", Doc: "Bytes sent against bytes received.", Free: true,
		Levels: []Level{
			{"sends", For, "sends at least 4 times what it gets"},
			{"even", Plain, "neither"},
			{"receives", For, "gets at least 4 times what it sends"},
		},
		level: func(v view) uint8 {
			src, dst := v.f.SourceBytes, v.f.DestinationBytes
			switch {
			case !v.f.HasBytes || src <= 0 && dst <= 0:
				return 0
			case src >= 4*dst:
				return 1
			case dst >= 4*src:
				return 3
			}
			return 2
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "sends "...)
			b = bytesOf(b, v.f.SourceBytes)
			b = append(b, ", gets "...)
			return bytesOf(b, v.f.DestinationBytes)
		},
	},

	// Who else does it.
	{
		Name: "destination_hosts", Doc: "How many hosts of the fleet talk to the destination. Nothing is known below 4 hosts.",
		Levels: rarityLevels("the hosts"),
		level:  func(v view) uint8 { return v.target },
		say: func(b []byte, v view, _ uint8) []byte {
			return hosts(b, v.f.HostsOfDestination, v.f.Hosts, "talks to it", "talk to it")
		},
	},
	{
		Name: "process_hosts", Doc: "How many hosts of the fleet run a process of this name.",
		Levels: rarityLevels("the hosts"),
		level:  func(v view) uint8 { return v.process },
		say: func(b []byte, v view, _ uint8) []byte {
			return hosts(b, v.f.HostsOfProcess, v.f.Hosts, "runs this process", "run this process")
		},
	},
	{
		Name: "pair_hosts", Doc: "How many hosts of the fleet run a process of this name that calls the destination.",
		Levels: rarityLevels("the hosts"),
		level:  func(v view) uint8 { return rarity(v.f.HostsOfProcessDestination, v.f.Hosts) },
		say: func(b []byte, v view, _ uint8) []byte {
			if v.f.HostsOfProcessDestination == 1 {
				return append(b, "no other host runs this process with this destination"...)
			}
			b = count(b, v.f.HostsOfProcessDestination)
			return append(b, " hosts run this process with this destination"...)
		},
	},
	{
		Name: "company", Doc: "Of the hosts that run a process of this name, how many call the destination with it.",
		Levels: rarityLevels("the hosts that run it"),
		level:  func(v view) uint8 { return v.pair },
		say: func(b []byte, v view, _ uint8) []byte {
			if v.f.HostsOfProcessDestination == 1 {
				b = name(b, v.f.ProcessName)
				return append(b, " never called this destination on any other host"...)
			}
			b = name(b, v.f.ProcessName)
			b = append(b, " calls it on "...)
			b = count(b, v.f.HostsOfProcessDestination)
			b = append(b, " of its "...)
			b = count(b, v.f.HostsOfProcess)
			return append(b, " hosts"...)
		},
	},
	{
		Name: "lone_timers", Doc: "Where few of a process's hosts call the destination: how many other timers to destinations of their own its processes have, per host that runs it (half a timer is added, so that few hosts prove little). A browser has many; a shell of the desktop with one is another's.",
		Levels: []Level{
			{"usual", Against, "at least 0.5 a host"},
			{"common", Against, "0.15 to 0.5"},
			{"known", Plain, "0.05 to 0.15"},
			{"unusual", For, "0.015 to 0.05"},
			{"strange", For, "0.004 to 0.015"},
			{"unheard_of", For, "less than 0.004"},
		},
		level: func(v view) uint8 {
			if !rare(v.pair) {
				return 0
			}
			return stepsDown(v.perHost(v.otherTimers()), 0.5, 0.15, 0.05, 0.015, 0.004)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = name(b, v.f.ProcessName)
			b = append(b, " has "...)
			if n := v.otherTimers(); n == 0 {
				b = append(b, "no other timer"...)
			} else {
				b = count(b, n)
				b = append(b, " other timers"...)
			}
			b = append(b, " to a destination of its own on "...)
			b = count(b, v.f.HostsOfProcess)
			return append(b, " hosts"...)
		},
	},
	{
		Name: "lone_destinations", Doc: "The same of other destinations that processes of this name call from one host only, on a timer or not.",
		Levels: []Level{
			{"usual", Against, "at least 3 a host"},
			{"common", Against, "0.5 to 3"},
			{"known", Plain, "0.1 to 0.5"},
			{"unusual", For, "0.02 to 0.1"},
			{"strange", For, "less than 0.02"},
		},
		level: func(v view) uint8 {
			if !rare(v.pair) {
				return 0
			}
			return stepsDown(v.perHost(v.otherLone()), 3, 0.5, 0.1, 0.02)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = name(b, v.f.ProcessName)
			n := v.otherLone()
			if n == 0 {
				return append(b, " calls no other destination from one host only"...)
			}
			b = append(b, " calls "...)
			b = count(b, n)
			return append(b, " other destinations from one host only"...)
		},
	},
	{
		Name: "own_each", Doc: "A tool that many hosts run and each on a timer to a destination of its own, as with servers that are handed out per host.",
		Levels: []Level{
			{"own_each", Against, "at least 0.4 destinations of its own per host, these are at least half of all that it calls, and a quarter of the others is on a timer"},
			{"no", Plain, "not so"},
		},
		level: func(v view) uint8 {
			f := v.f
			if !rare(v.pair) || f.ProcessDestinations <= 0 {
				return 0
			}
			if v.perHost(v.otherLone()) >= 0.4 && 2*f.ProcessLoneDestinations >= f.ProcessDestinations && f.HostDestinations <= 4 && 4*v.otherTimers() >= v.otherLone() {
				return 1
			}
			return 2
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = name(b, v.f.ProcessName)
			return append(b, " calls a destination of its own on a timer on most hosts"...)
		},
	},
	{
		Name: "errands", Doc: "How many destinations this host's process calls.",
		Levels: []Level{
			{"above_50", Against, "more than 50"},
			{"above_10", Against, "11 to 50"},
			{"above_3", Plain, "4 to 10"},
			{"few", For, "2 or 3"},
			{"one", For, "this one alone"},
		},
		level: func(v view) uint8 {
			if v.f.HostsOfProcess <= 0 || v.f.HostDestinations <= 0 {
				return 0
			}
			return stepsDown(float64(v.f.HostDestinations), 50, 10, 3, 1)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			if v.f.HostDestinations == 1 {
				return append(b, "the process calls nothing else"...)
			}
			b = append(b, "the process calls "...)
			b = count(b, v.f.HostDestinations)
			return append(b, " destinations"...)
		},
	},
	{
		Name: "address", Doc: "Whether the address serves other names too, where a name is known.", Free: true,
		Levels: []Level{
			{"own", Plain, "it serves this name alone"},
			{"shared", For, "it serves others, and so is the name known to more than a few hosts"},
			{"front", For, "many hosts or names use the address, few the name: a rare name behind a shared front"},
		},
		level: func(v view) uint8 {
			f := v.f
			switch {
			case f.Domain == "" || f.HostsOfAddress <= 0:
				return 0
			case f.NamesOfAddress < 4 && f.HostsOfAddress < 5*f.HostsOfDestination:
				return 1
			case rare(v.target):
				return 3
			}
			return 2
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 3 {
				b = append(b, "rare name"...)
			} else {
				b = append(b, "name"...)
			}
			b = append(b, " at an address shared by "...)
			b = count(b, v.f.HostsOfAddress)
			b = append(b, " hosts and "...)
			b = count(b, v.f.NamesOfAddress)
			return append(b, " names"...)
		},
	},

	// Since when.
	{
		Name: "new_destination", Doc: "When the destination was first called by anybody, after this host was first seen. Nothing is known of data below 4 hours.",
		Levels: ageLevels(Against, "the host"),
		level:  func(v view) uint8 { return v.age(v.f.DestinationFirst, v.f.HostFirst) },
		say: func(b []byte, v view, level uint8) []byte {
			if level == sinceStart {
				return append(b, "destination called since the beginning"...)
			}
			b = append(b, "destination first seen "...)
			b = while(b, v.f.DestinationFirst)
			return append(b, " after the data begins"...)
		},
	},
	{
		Name: "new_row", Doc: "When this host's process first called the destination, after the host was first seen.",
		Levels: ageLevels(Against, "the host"),
		level:  func(v view) uint8 { return v.age(v.f.RowFirst, v.f.HostFirst) },
		say: func(b []byte, v view, level uint8) []byte {
			if level == sinceStart {
				return append(b, "there since the host was first seen"...)
			}
			b = append(b, "first seen "...)
			b = while(b, v.f.DataSeconds-v.f.RowFirst)
			return append(b, " ago"...)
		},
	},
	{
		Name: "new_process", Doc: "When a process of this name was first seen on the host, after the host was.",
		Levels: ageLevels(Against, "the host"),
		level: func(v view) uint8 {
			if v.f.HostsOfProcess <= 0 {
				return 0
			}
			return v.age(v.f.ProcessFirst, v.f.HostFirst)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == sinceStart {
				return append(b, "process there since the host was first seen"...)
			}
			b = append(b, "process first seen "...)
			b = while(b, v.f.ProcessFirst-v.f.HostFirst)
			return append(b, " after the host"...)
		},
	},
	{
		Name: "new_errand", Doc: "When the process first called the destination, after the process was first seen, for processes of at most 20 destinations: who calls few places seldom finds new ones.",
		Levels: ageLevels(Plain, "the process"),
		level: func(v view) uint8 {
			if v.f.HostsOfProcess <= 0 || v.f.HostDestinations > 20 {
				return 0
			}
			return v.age(v.f.RowFirst, v.f.ProcessFirst)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "the process began to call it "...)
			b = while(b, v.f.RowFirst-v.f.ProcessFirst)
			return append(b, " after it was first seen"...)
		},
	},

	// What calls.
	{
		Name: "folder", Doc: "The folder that the program lies in. The system's own excuses less than that of installed software: injected code runs in the system's programs.",
		Levels: []Level{
			{"programs", Against, `of installed software: C:\Program Files, /opt, /Applications`},
			{"system", Against, `of the operating system: C:\Windows, /usr/bin`},
			{"other", Plain, "none of these"},
			{"profile", For, "below the user's own: AppData, ~/.local"},
			{"data", For, `of data of all users: C:\ProgramData, /var/lib`},
			{"downloads", For, "downloads, desktop, documents, a public folder, a share"},
			{"temp", For, "temporary files, the recycle bin, folders of the system that anybody can write to"},
		},
		level: func(v view) uint8 { return uint8(v.Folder) },
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "process runs from "...)
			return append(b, v.Folder.String()...)
		},
	},
	{
		Name: "system_name", Doc: "Whether a program with a name of Windows lies where Windows has it.",
		Levels: []Level{
			{"in_place", Plain, "a name of Windows, in its folder"},
			{"look_alike", For, "one letter away from a name of Windows"},
			{"wrong_folder", For, "a name of Windows, in another folder"},
		},
		level: func(v view) uint8 { return uint8(v.Place) },
		say: func(b []byte, v view, level uint8) []byte {
			b = name(b, v.f.ProcessName)
			if level == 2 {
				return append(b, " looks like a name of the system"...)
			}
			return append(b, " is a name of the system in the wrong folder"...)
		},
	},
	{
		Name: "signer", Doc: "Who signed the program. Microsoft's signature excuses less than that of others, because injected code runs in the system's programs. A missing signature counts only where the fleet's sensors send signatures.",
		Levels: []Level{
			{"trusted", Against, "somebody whom the system trusts"},
			{"microsoft", Against, "Microsoft, or Apple on its own system"},
			{"unproven", Plain, "a signature of which nobody says whether it is trusted"},
			{"silent", For, "nothing is said, but at least half of all rows have a signature"},
			{"nobody", For, "not signed, and at least a fifth of all rows say who signed"},
			{"bad", For, "a signature that is invalid or not trusted"},
		},
		level: func(v view) uint8 { return uint8(v.signer) },
		say: func(b []byte, v view, _ uint8) []byte {
			switch v.signer {
			case signedByMicrosoft, signedByTrusted:
				b = append(b, "signed by "...)
				if v.f.SignatureSubject == "" {
					return append(b, "somebody trusted"...)
				}
				return name(b, v.f.SignatureSubject)
			case signatureSilent:
				return append(b, "no signature is known, as others have"...)
			case signedByNobody:
				return append(b, "signed by nobody"...)
			case signatureBad:
				return append(b, "signature not valid or not trusted"...)
			}
			return append(b, "signature of unknown trust"...)
		},
	},
	{
		Name: "hash", Doc: "Whether other hosts have the same file.",
		Levels: []Level{
			{"usual", Against, "at least 3 hosts have it, and at least half of those that run the name"},
			{"one_of_several", Plain, "neither"},
			{"own", For, "at most 2 % of at least 5 hosts that run the name have it, though they have few different files"},
		},
		level: func(v view) uint8 {
			f := v.f
			switch {
			case !f.HasHash || f.HostsOfHash <= 0 || f.Hosts < 4:
				return 0
			case f.HostsOfHash >= 3 && 2*f.HostsOfHash >= f.HostsOfProcess:
				return 1
			case f.HostsOfProcess >= 5 && f.HostsOfHash <= max(1, f.HostsOfProcess/50) && f.HashesOfProcess <= 1+f.HostsOfProcess/5:
				return 3
			}
			return 2
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 3 {
				b = append(b, "a file of its own under the name "...)
				return name(b, v.f.ProcessName)
			}
			b = count(b, v.f.HostsOfHash)
			return append(b, " hosts have the same file"...)
		},
	},
	{
		Name: "parent", Doc: "What started the process.",
		Levels: []Level{
			{"other", Plain, "anything else"},
			{"script", For, "a shell, an interpreter of scripts, or a tool that runs code of others"},
			{"document", For, "a program for documents or mail, unless it opened a browser or one of its kind"},
		},
		level: func(v view) uint8 {
			if v.f.ParentName == "" {
				return 0
			}
			p := identity.Lookup(v.f.ParentName)
			if p == nil {
				return 1
			}
			switch p.Kind {
			case identity.Document:
				if k := v.kind(); k != identity.Document && k != identity.Browser {
					return 3
				}
			case identity.Shell, identity.Interpreter, identity.Proxy:
				return 2
			}
			return 1
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "started by "...)
			return name(b, v.f.ParentName)
		},
	},
	{
		Name: "script_host", Doc: "Whether the program runs what others wrote.",
		Levels: []Level{
			{"no", Plain, "it does not"},
			{"interpreter", For, "an interpreter or a general tool: python, node, java, curl"},
			{"shell", For, "a shell that ships with the system: powershell, wscript, bash"},
			{"proxy", For, "a tool of the system without an errand on the network: mshta, regsvr32, rundll32, notepad"},
		},
		level: func(v view) uint8 {
			if v.f.ProcessName == "" {
				return 0
			}
			switch v.kind() {
			case identity.Interpreter:
				return 2
			case identity.Shell:
				return 3
			case identity.Proxy:
				return 4
			}
			return 1
		},
		say: func(b []byte, v view, level uint8) []byte {
			b = name(b, v.f.ProcessName)
			return append(b, [...]string{"", " runs programs of others", " runs scripts", " has little reason to call out"}[level-1]...)
		},
	},
	{
		Name: "doubts", Doc: "Of a program that few hosts run: how many hold of unsigned or badly signed, in a folder that users can write to, and first seen a day or more after its host. At least two of the three must be known.",
		Levels: []Level{
			{"none", Against, "none"},
			{"one", Plain, "one"},
			{"two", For, "two"},
			{"three", For, "all three"},
		},
		level: func(v view) uint8 {
			known, held := v.doubts()
			if known < 2 {
				return 0
			}
			return uint8(1 + held)
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 1 {
				return append(b, "a rare program, but nothing else odd about it"...)
			}
			b = append(b, "a rare program"...)
			for i, holds := range v.doubtful() {
				if holds {
					b = append(b, [...]string{", unsigned", ", where users can write", ", new"}[i]...)
				}
			}
			return b
		},
	},
	{
		Name: "known_software", Doc: "Whether the name is that of common software. A name is not credited when it is in a wrong or temporary folder, unsigned, or badly signed.",
		Levels: []Level{
			{"shared", Against, "it is, and the destination is not rare"},
			{"lone", Against, "it is, but few hosts talk to the destination"},
			{"runs_others", Against, "it is, but of software that runs what others wrote"},
			{"claimed", Plain, "the name alone"},
		},
		level: func(v view) uint8 {
			switch {
			case v.Program == nil || v.Program.Software == "":
				return 0
			case !v.nameCredited():
				return 4
			case v.kind() == identity.Interpreter, v.kind() == identity.Shell, v.kind() == identity.Proxy:
				return 3
			case rare(v.target):
				return 2
			}
			return 1
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = append(b, "known software: "...)
			return append(b, v.Program.Software...)
		},
	},
	{
		Name: "maker", Doc: "Whether known software, browsers apart, calls a domain that its maker runs. The name of the software is credited as above.",
		Levels: []Level{
			{"own", Against, "it does"},
			{"others", Plain, "it calls another, or only addresses are known"},
		},
		level: func(v view) uint8 {
			switch {
			case v.Program == nil || v.Program.Software == "" || v.kind() == identity.Browser:
				return 0
			case !v.nameCredited() || v.f.Domain == "" || !identity.MakersDomain(v.Program.Software, identity.RegistrableDomain(v.f.Domain)):
				return 2
			}
			return 1
		},
		say: func(b []byte, _ view, _ uint8) []byte {
			return append(b, "a domain of its maker"...)
		},
	},

	// Where to.
	{
		Name: "microsoft_address", Doc: "Whether the address lies in the blocks that the reference calls Microsoft's. They are rented out, too.",
		Levels: []Level{
			{"shared", Against, "it does, and the destination is not rare"},
			{"lone", Against, "it does, but few hosts talk to the destination"},
			{"no", Plain, "it does not"},
		},
		level: func(v view) uint8 {
			switch {
			case !v.f.Address.IsValid():
				return 0
			case !identity.MicrosoftAddress(v.f.Address):
				return 3
			case rare(v.target):
				return 2
			}
			return 1
		},
		say: fixed("an address of Microsoft", "an address of Microsoft", "not an address of Microsoft"),
	},
	{
		Name: "inside", Doc: "Whether the address is of the internet.",
		Levels: []Level{
			{"inside", Against, "private, link-local, multicast, reserved"},
			{"outside", Plain, "of the internet"},
		},
		level: func(v view) uint8 {
			switch {
			case !v.f.Address.IsValid():
				return 0
			case identity.Inside(v.f.Address):
				return 1
			}
			return 2
		},
		say: fixed("an address inside the network", "an address of the internet"),
	},
	{
		Name: "name", Doc: "Whether the destination has a name, where at least a fifth of all rows have one.",
		Levels: []Level{
			{"named", Plain, "a name is known"},
			{"address", For, "none is, and the address is of the internet"},
		},
		level: func(v view) uint8 {
			switch {
			case v.f.Domain != "":
				return 1
			case v.f.NamedShare < 0.2 || !v.f.Address.IsValid() || identity.Inside(v.f.Address):
				return 0
			}
			return 2
		},
		say: fixed("named", "no name, raw address"),
	},
	{
		Name: "port", Doc: "The port of the destination.",
		Levels: []Level{
			{"service", Against, "of time, names, mail, push, calls: 123, 53, 993, 5223, 3478"},
			{"web", Plain, "80 or 443"},
			{"usual", For, "another common one: 8080, 8443, 22"},
			{"odd", For, "none of these"},
		},
		level: func(v view) uint8 {
			switch v.f.Port {
			case 0:
				return 0
			case 80, 443:
				return 2
			case 53, 123, 853, 25, 465, 587, 110, 143, 993, 995, 5222, 5223, 5228, 3478, 3479, 3480, 3481, 5349, 5060, 5061, 88, 389, 636, 3268:
				return 1
			case 8080, 8443, 8000, 8008, 8888, 21, 22, 1883, 8883, 1194, 500, 4500, 3389:
				return 3
			}
			return 4
		},
		say: func(b []byte, v view, level uint8) []byte {
			if level == 4 {
				b = append(b, "odd "...)
			}
			b = append(b, "port "...)
			return count(b, int(v.f.Port))
		},
	},
	{
		Name: "protocol", Doc: "Whether the protocol belongs on the port.",
		Levels: []Level{
			{"fits", Plain, "it does, or nothing is known against it"},
			{"mismatch", For, "it does not: http on 443, tls on 80 or 53, dns off its ports, ssh on web ports"},
		},
		level: func(v view) uint8 {
			port := v.f.Port
			if port == 0 || v.f.Protocol == "" {
				return 0
			}
			odd := false
			switch v.f.Protocol {
			case "http":
				odd = port == 443 || port == 53 || port == 22
			case "tls", "ssl", "https":
				odd = port == 80 || port == 53 || port == 22
			case "dns":
				odd = port != 53 && port != 5353 && port != 5355 && port != 853 && port != 137
			case "ssh":
				odd = port == 80 || port == 443 || port == 53
			}
			if odd {
				return 2
			}
			return 1
		},
		say: func(b []byte, v view, _ uint8) []byte {
			b = name(b, v.f.Protocol)
			b = append(b, " on port "...)
			return count(b, int(v.f.Port))
		},
	},
	{
		Name: "ja3", Doc: "How many hosts of the fleet greet in TLS as this one does (JA3).",
		Levels: fingerprintLevels,
		level: func(v view) uint8 {
			if v.f.TLSClientJA3 == "" {
				return 0
			}
			return fingerprint(v.f.HostsOfJA3, v.f.Hosts)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			return hosts(b, v.f.HostsOfJA3, v.f.Hosts, "has this TLS fingerprint", "have this TLS fingerprint")
		},
	},
	{
		Name: "user_agent", Doc: "How many hosts of the fleet use this user agent.",
		Levels: fingerprintLevels,
		level: func(v view) uint8 {
			if v.f.UserAgent == "" {
				return 0
			}
			return fingerprint(v.f.HostsOfUserAgent, v.f.Hosts)
		},
		say: func(b []byte, v view, _ uint8) []byte {
			return hosts(b, v.f.HostsOfUserAgent, v.f.Hosts, "uses this user agent", "use this user agent")
		},
	},
}

var spreadLevels = []Level{
	{"above_100", Against, "more than 100 %"},
	{"above_30", Against, "30 to 100 %"},
	{"above_10", Plain, "10 to 30 %"},
	{"above_2", For, "2 to 10 %"},
	{"constant", For, "at most 2 %"},
}

// spread returns the level of a payload whose median has n bytes.
func (v view) spread(n, spread float64) uint8 {
	if !v.f.HasBytes || n <= 0 || v.timed && v.f.Callbacks < 3 {
		return 0
	}
	return stepsDown(spread, 1, 0.3, 0.1, 0.02)
}

func saySpread(what string, of func(*Facts) float64) func([]byte, view, uint8) []byte {
	return func(b []byte, v view, level uint8) []byte {
		b = append(b, "payload "...)
		b = append(b, what...)
		if level == 5 {
			return append(b, " constant within 2 %"...)
		}
		b = append(b, " differs by "...)
		return percent(b, min(of(v.f), 100))
	}
}

var fingerprintLevels = []Level{
	{"usual", Against, "at least 20 % of the hosts"},
	{"some", Plain, "fewer, but more than a few"},
	{"few", For, "two or at most 1 %; one of 4 to 9"},
	{"one", For, "this host alone, of at least 10"},
}

func fingerprint(n, of int) uint8 {
	switch r := rarity(n, of); {
	case r == 0:
		return 0
	case r <= onMany:
		return 1
	case r < oneOfFew:
		return 2
	case r <= onFew:
		return 3
	}
	return 4
}

// otherLone returns how many destinations other than this one processes of this name call
// from one host only.
func (v view) otherLone() int {
	n := v.f.ProcessLoneDestinations
	if v.f.HostsOfProcessDestination == 1 {
		n--
	}
	return max(n, 0)
}

// otherTimers is otherLone of destinations that are called on a timer.
func (v view) otherTimers() int {
	n := v.f.ProcessLoneTimers
	if v.f.HostsOfProcessDestination == 1 && v.timed && v.f.QValue <= counted {
		n--
	}
	return max(n, 0)
}

// perHost returns a number of things per host that runs the process. Half a thing is added:
// that 5 hosts have none says less than that 500 have none.
func (v view) perHost(n int) float64 {
	return (float64(n) + 0.5) / float64(max(v.f.HostsOfProcess, 1))
}

// doubtful tells which doubts hold of a program: unsigned, where users can write, new.
func (v view) doubtful() [3]bool {
	return [3]bool{
		v.signer >= signedByNobody,
		v.Folder >= identity.Profile,
		v.age(v.f.ProcessFirst, v.f.HostFirst) >= nextDay,
	}
}

// doubts returns how many of the doubts about a rare program can be told, and how many hold.
func (v view) doubts() (known, held int) {
	if !rare(v.process) {
		return 0, 0
	}
	told := [3]bool{
		v.signer != 0 && v.signer != signatureSilent,
		v.Folder != identity.FolderUnknown,
		v.f.DataSeconds >= 1.5*day, // shorter data cannot tell what is a day late
	}
	for i, holds := range v.doubtful() {
		if told[i] {
			known++
			if holds {
				held++
			}
		}
	}
	return known, held
}
