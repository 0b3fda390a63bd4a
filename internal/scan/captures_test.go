package scan

import "fresnel/internal/event"

// captures are the scans of testdata/known-beacons.md, in its order, with what they must find
// and what they must miss.
var captures = []capture{
	{folder: "rita-http-proxy-beacon", filter: filterOff, settings: days, events: 463, name: "conn", label: func(l *label) bool { return l.View == "conn" }, beacons: map[string][]verdict{
		"10.136.0.18 10.136.0.16": {byBytes, byBytes, byBytes},
	}},
	{folder: "rita-http-proxy-beacon", filter: filterOff, settings: days, events: 463, name: "by domain", label: func(l *label) bool { return l.View == "http" }, groupBy: []event.Field{event.SourceIP, event.DestinationDomain}, beacons: map[string][]verdict{
		"10.136.0.18 www.honestimnotevil.com": {byBytes, byBytes, byBytes},
	}},
	{folder: "bab0-apt-http", filter: filterOn, settings: []setting{byDefault, withJitter, quarter, quarterJ}, events: 323, beacons: map[string][]verdict{
		"10.0.2.15 152.66.249.132": {byTiming, byTiming, byTiming, byTiming},
	}},
	{folder: "emotet-icedid", filter: filterOff, settings: []setting{byDefault, withJitter, quarter, quarterJ}, events: 205, beacons: map[string][]verdict{
		"10.11.14.101 185.129.49.19": {byTiming, byTiming, byBytes, byTiming},
		"10.11.14.101 160.36.66.221": {byTiming, byTiming, missed, byTiming},
	}},
	{folder: "iot23-hakai-torii", filter: filterOn, settings: days, events: 13612, beacons: map[string][]verdict{
		"192.168.100.113 178.128.185.250": {byTiming, byTiming, byTiming},
		"192.168.100.113 128.185.250.50":  {byTiming, byTiming, byTiming},
	}},
	{folder: "njrat-reconnect", filter: filterOff, settings: short, events: 992, beacons: map[string][]verdict{
		"192.168.1.115 41.108.179.197": {byTiming, byTiming, byTiming, byTiming, byTiming},
	}},
	{folder: "rat-short-pcaps", name: "quasarrat", files: []string{"quasarrat.conn.log.gz"}, label: func(l *label) bool { return l.Capture == "quasarrat" }, filter: filterOff, settings: short, events: 249, beacons: map[string][]verdict{
		"192.168.100.7 86.136.67.231": {missed, byTiming, byTiming, byBytes, byTiming},
	}},
	{folder: "rat-short-pcaps", name: "caldera-manx-udp", files: []string{"caldera-manx-udp.conn.log.gz"}, label: func(l *label) bool { return l.Capture == "caldera-manx-udp" }, filter: filterOff, settings: short, events: 23, beacons: map[string][]verdict{
		"172.18.0.3 172.18.0.2": {missed, byTiming, byTiming, missed, missed},
		"172.18.0.2 172.18.0.3": {missed, byTiming, byTiming, byBytes, byTiming},
	}},
	{folder: "rat-short-pcaps", name: "caldera-ragdoll", files: []string{"caldera-ragdoll.conn.log.gz"}, label: func(l *label) bool { return l.Capture == "caldera-ragdoll" }, filter: filterOff, settings: short, events: 12, beacons: map[string][]verdict{
		"172.18.0.3 172.18.0.2": {missed, missed, byTiming, byBytes, byTiming},
	}},
	framework("merlin", "connection", 138, missed, missed, byTiming, missed, byTiming),
	framework("empire", "connection", 606, byTiming, byTiming, byTiming, byTiming, byTiming),
	framework("posh", "connection", 249, byTiming, byTiming, byTiming, missed, missed),
	framework("covenant", "request", 165, byTiming, byTiming, byTiming, byTiming, byTiming),
	endpoint("empire_mimikatz_logonpasswords", sysmonOnly, 301, map[string][]verdict{
		"WORKSTATION5.theshire.local powershell.exe": {missed, byTiming, byTiming, missed, byTiming},
	}),
	endpoint("empire_mimikatz_logonpasswords", event5156, 301, map[string][]verdict{
		"WORKSTATION5.theshire.local powershell.exe": {missed, byTiming, byTiming, missed, missed},
	}),
	endpoint("empire_dllinjection_LoadLibrary_CreateRemoteThread", sysmonOnly, 1392, map[string][]verdict{
		"WORKSTATION5.mordor.local powershell.exe": {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("empire_dllinjection_LoadLibrary_CreateRemoteThread", event5156, 1392, map[string][]verdict{
		"WORKSTATION5.mordor.local powershell.exe": {missed, byTiming, byTiming, missed, missed},
	}),
	endpoint("empire_psinject_PEinjection", sysmonOnly, 284, map[string][]verdict{
		"WORKSTATION5.theshire.local powershell.exe": {missed, byTiming, byTiming, missed, byTiming},
		"WORKSTATION5.theshire.local notepad.exe":    {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("empire_psinject_PEinjection", event5156, 284, map[string][]verdict{
		"WORKSTATION5.theshire.local powershell.exe": {missed, byTiming, byTiming, missed, missed},
		"WORKSTATION5.theshire.local notepad.exe":    {missed, missed, missed, missed, byTiming},
	}),
	endpoint("empire_monologue_netntlm_downgrade", sysmonOnly, 144, map[string][]verdict{
		"IT001.shire.com powershell.exe": {missed, byTiming, byTiming, missed, byTiming},
	}),
	endpoint("empire_monologue_netntlm_downgrade", event5156, 144, map[string][]verdict{
		"IT001.shire.com powershell.exe": {missed, byTiming, byTiming, missed, missed},
	}),
	endpoint("empire_wdigest_downgrade", sysmonOnly, 158, map[string][]verdict{
		"HR001.shire.com powershell.exe": {missed, byTiming, byTiming, byTiming, byTiming},
		"HR001.shire.com notepad.exe":    {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("empire_wdigest_downgrade", event5156, 158, map[string][]verdict{
		"HR001.shire.com powershell.exe": {missed, byTiming, byTiming, byTiming, byTiming},
		"HR001.shire.com notepad.exe":    {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("empire_enable_rdp", sysmonOnly, 188, map[string][]verdict{
		"HR001.shire.com powershell.exe": {missed, missed, missed, byTiming, byTiming},
		"HR001.shire.com notepad.exe":    {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("empire_enable_rdp", event5156, 188, map[string][]verdict{
		"HR001.shire.com powershell.exe": {missed, missed, missed, byTiming, byTiming},
		"HR001.shire.com notepad.exe":    {missed, byTiming, byTiming, byTiming, byTiming},
	}),
	endpoint("covenant_installutil", event5156, 78, nil),
	endpoint("covenant_psremoting_grunt", sysmonOnly, 615, nil),
	endpoint("covenant_psremoting_grunt", event5156, 615, nil),
	{folder: "apt29-zeek-json", name: "day1-NASHUA", files: []string{"day1-NASHUA-conn.ndjson.gz"}, label: func(l *label) bool { return l.Capture == "day1-NASHUA" }, filter: filterOff, settings: short, events: 479},
	{folder: "apt29-zeek-json", name: "day2-UTICA-A", files: []string{"day2-UTICA-A-conn.ndjson.gz"}, label: func(l *label) bool { return l.Capture == "day2-UTICA-A" }, filter: filterOff, settings: short, events: 353, beacons: map[string][]verdict{
		"10.0.1.5 192.168.0.4": {missed, missed, missed, byBytes, byBytes},
	}},
	{folder: "apt29-zeek-json", name: "day2-UTICA-D", files: []string{"day2-UTICA-D-conn.ndjson.gz"}, label: func(l *label) bool { return l.Capture == "day2-UTICA-D" }, filter: filterOff, settings: short, events: 357, beacons: map[string][]verdict{
		"10.0.1.5 192.168.0.4": {missed, byBytes, byBytes, byBytes, byBytes},
	}},
	{folder: "rita-http-24h", filter: filterOn, settings: days, events: 27204, groupBy: []event.Field{event.SourceIP, event.DestinationDomain}},
	{folder: "ctu-normal-days", filter: filterOff, settings: days, events: 14711},
	{folder: "m57-office-day", filter: filterOff, settings: days, events: 8462},
	{folder: "suricata-iot-day", filter: filterOff, settings: days, events: 3512},
	{folder: "proxifier-desktop-oct", filter: filterOff, settings: []setting{byDefault, withJitter, quarter}, events: 4901},
}
