package simulate

import (
	"slices"
	"strings"
)

// A when says at which times a loop of a benign program calls.
type when uint8

const (
	whileOn   when = iota // the host is on
	whileUsed             // its user works
)

// A poll is one loop of a known program.
type poll struct {
	class string // of its label; "" gets none, for what is no timer
	to    server // a domain that begins with "{}." has a name and an address for each host
	gaps  gaps
	size  sizes
	when  when
	rule  pick
	share float64 // of the program's hosts that have this loop; 0 is all
}

// A program is known software. Facts: names, folders and signers as vendors ship them;
// periods as in the specification, "Benign periodic background".
type program struct {
	group string
	on    kind
	share float64 // of the hosts of these kinds
	image
	polls []poll
}

const (
	programFiles = `C:\Program Files`
	system32     = `C:\Windows\System32`
	appData      = `C:\Users\{user}\AppData\Local`
	microsoft    = "Microsoft Corporation"
	msWindows    = "Microsoft Windows"
	msPublisher  = "Microsoft Windows Publisher"
)

func ms(domain string, n int) server {
	return server{domain: domain, addresses: n, block: microsoftBlock}
}
func goog(domain string, n int) server {
	return server{domain: domain, addresses: n, block: googleBlock}
}
func at(domain string, n int) server { return server{domain: domain, addresses: n} }
func cdn(domain string, n int) server {
	return server{domain: domain, addresses: n, shared: true}
}
func udp(s server, port uint16) server {
	s.udp, s.port = true, port
	return s
}
func on(s server, port uint16) server {
	s.port = port
	return s
}

// programs are all known software.
var programs = []program{
	// Windows itself.
	{"windows", windows, 1, image{name: "svchost.exe", dir: system32, signer: msPublisher, parent: "services.exe"}, []poll{
		{"windows-update", ms("slscr.update.microsoft.com", 4), about(19.8*3600, 0.1), heavySizes(6000, 30000), whileOn, pickSticky, 0},
		{"", ms("fe3cr.delivery.mp.microsoft.com", 6), spread(4*3600, 0.9), heavySizes(5000, 60000), whileOn, pickAny, 0},
		{"telemetry", ms("v10.events.data.microsoft.com", 6), about(2100, 0.3), noisy(9000, 900, 0.5), whileOn, pickAny, 0},
		{"ncsi", ms("www.msftconnecttest.com", 2), fixed(300), constant(240, 410), whileOn, pickSticky, 0.15},
		{"windows-push", ms("client.wns.windows.com", 8), about(1500, 0.15), noisy(520, 380, 0.05), whileOn, pickSticky, 0},
		{"windows-time", udp(ms("time.windows.com", 1), 123), gaps{kind: gapDoubling, period: 1024, high: 32768}, constant(76, 76), whileOn, pickSticky, 0.3},
		{"group-policy", ms("settings-win.data.microsoft.com", 4), gaps{kind: gapAdded, period: 5400, jitter: 1.0 / 3}, noisy(1800, 4200, 0.1), whileOn, pickSticky, 0},
		{"", ms("ctldl.windowsupdate.com", 4), poisson(9 * 3600), noisy(500, 7000, 0.4), whileOn, pickAny, 0},
		{"", ms("", 3), heavy(900, 1.1, 40000), heavySizes(1500, 5000), whileOn, pickAny, 0.5},
	}},
	{"windows", windows &^ winServer, 1, image{name: "explorer.exe", dir: `C:\Windows`, signer: msWindows, parent: "userinit.exe"}, []poll{
		{"", ms("www.bing.com", 5), spread(5000, 1.3), heavySizes(2500, 14000), whileUsed, pickAny, 0},
		{"", ms("edge.microsoft.com", 5), spread(9000, 1.3), heavySizes(1800, 9000), whileUsed, pickAny, 0},
		{"weather-tile", ms("tile-service.weather.microsoft.com", 3), fixed(1800), noisy(310, 3300, 0.01), whileOn, pickSticky, 0.6},
	}},
	{"windows", office, 0.9, image{name: "SearchApp.exe", dir: `C:\Windows\SystemApps\Microsoft.Windows.Search_cw5n1h2txyewy`, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("www.bing.com", 5), spread(2600, 1.4), heavySizes(3000, 20000), whileUsed, pickAny, 0},
	}},
	{"windows", office, 0.8, image{name: "backgroundTaskHost.exe", dir: system32, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("arc.msn.com", 4), spread(4500, 1), heavySizes(2100, 6000), whileOn, pickAny, 0},
		{"live-tile", cdn("assets.msn.com", 3), clock(3600, 40), noisy(900, 8000, 0.3), whileUsed, pickAny, 0},
	}},
	{"windows", windows, 0.9, image{name: "taskhostw.exe", dir: system32, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("login.live.com", 3), spread(15000, 1), noisy(4000, 9000, 0.3), whileOn, pickAny, 0},
	}},
	{"windows", windows, 0.7, image{name: "RuntimeBroker.exe", dir: system32, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("", 3), spread(7000, 1.5), heavySizes(2500, 9000), whileUsed, pickAny, 0},
	}},
	{"windows", windows, 0.4, image{name: "rundll32.exe", dir: system32, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("go.microsoft.com", 2), poisson(20 * 3600), noisy(700, 2500, 0.4), whileOn, pickAny, 0},
	}},
	{"windows", windows, 0.5, image{name: "powershell.exe", dir: system32 + `\WindowsPowerShell\v1.0`, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("www.powershellgallery.com", 2), poisson(15 * 3600), heavySizes(1500, 30000), whileOn, pickAny, 0},
	}},
	{"windows", winServer, 0.9, image{name: "lsass.exe", dir: system32, signer: msPublisher, parent: "wininit.exe"}, []poll{
		{"", ms("oneocsp.microsoft.com", 2), poisson(12 * 3600), noisy(400, 2300, 0.2), whileOn, pickAny, 0},
	}},
	{"windows", windows, 1, image{name: "MsMpEng.exe", dir: `C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.24090.11-0`, signer: msPublisher, parent: "services.exe"}, []poll{
		{"antivirus", ms("wdcp.microsoft.com", 8), spread(1500, 0.7), noisy(4200, 2600, 0.3), whileOn, pickAny, 0},
		{"signature-check", ms("definitionupdates.microsoft.com", 4), about(4*3600, 0.05), noisy(900, 1400, 0.1), whileOn, pickSticky, 0},
	}},
	{"windows", office, 0.6, image{name: "smartscreen.exe", dir: system32, signer: msWindows, parent: "svchost.exe"}, []poll{
		{"", ms("checkappexec.microsoft.com", 3), spread(9000, 1.2), noisy(3000, 1500, 0.4), whileUsed, pickAny, 0},
	}},

	// Office and mail.
	{"office", office, 0.95, image{name: "OUTLOOK.EXE", dir: programFiles + `\Microsoft Office\root\Office16`, signer: microsoft, parent: "explorer.exe"}, []poll{
		{"mail-sync", ms("outlook.office365.com", 12), about(600, 0.25), noisy(5200, 12000, 0.6), whileUsed, pickSticky, 0},
		{"", ms("outlook.office365.com", 12), bursts(1100), heavySizes(9000, 40000), whileUsed, pickAny, 0},
		{"mail-notifications", ms("outlook.office.com", 6), about(1700, 0.05), noisy(1500, 900, 0.08), whileOn, pickSticky, 0.7},
	}},
	{"office", office, 0.9, image{name: "OneDrive.exe", dir: programFiles + `\Microsoft OneDrive`, signer: microsoft, parent: "explorer.exe"}, []poll{
		{"sync", ms("{}.sharepoint.com", 2), about(900, 0.12), noisy(3800, 3100, 0.25), whileOn, pickSticky, 0},
		{"", ms("skyapi.onedrive.live.com", 4), bursts(1500), heavySizes(30000, 18000), whileUsed, pickAny, 0},
	}},
	{"office", office | mac, 0.8, image{name: "WINWORD.EXE", dir: programFiles + `\Microsoft Office\root\Office16`, signer: microsoft, parent: "explorer.exe"}, []poll{
		{"", ms("nexusrules.officeapps.live.com", 4), spread(4500, 1.3), noisy(2200, 5000, 0.5), whileUsed, pickAny, 0},
	}},
	{"office", office, 0.8, image{name: "EXCEL.EXE", dir: programFiles + `\Microsoft Office\root\Office16`, signer: microsoft, parent: "explorer.exe"}, []poll{
		{"", ms("ecs.office.com", 4), spread(5200, 1.3), noisy(2000, 6000, 0.5), whileUsed, pickAny, 0},
	}},
	{"office", office, 0.95, image{name: "OfficeClickToRun.exe", dir: programFiles + `\Common Files\Microsoft Shared\ClickToRun`, signer: microsoft, parent: "services.exe"}, []poll{
		{"updater", ms("mrodevicemgr.officeapps.live.com", 4), about(3.6*3600, 0.2), noisy(1900, 3200, 0.1), whileOn, pickSticky, 0},
	}},
	{"office", office, 0.9, image{name: "msedge.exe", dir: `C:\Program Files (x86)\Microsoft\Edge\Application`, signer: microsoft, parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"browser-telemetry", ms("edge.microsoft.com", 5), about(1800, 0.3), noisy(2500, 1500, 0.4), whileUsed, pickAny, 0},
	}},
	{"office", windows, 0.9, image{name: "MicrosoftEdgeUpdate.exe", dir: `C:\Program Files (x86)\Microsoft\EdgeUpdate`, signer: microsoft, parent: "svchost.exe"}, []poll{
		{"updater", ms("msedge.api.cdp.microsoft.com", 4), clock(3600, 90), noisy(2800, 3600, 0.1), whileOn, pickSticky, 0},
	}},

	// Google, Mozilla, Apple.
	{"google", office | mac, 0.8, image{name: "chrome.exe", dir: programFiles + `\Google\Chrome\Application`, signer: "Google LLC", parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"browser-push", on(goog("mtalk.google.com", 4), 5228), about(1680, 0.02), constant(480, 310), whileOn, pickSticky, 0},
		{"safe-browsing", goog("safebrowsing.googleapis.com", 6), about(1800, 0.1), noisy(800, 4000, 0.5), whileUsed, pickAny, 0},
	}},
	{"google", office | mac, 0.8, image{name: "GoogleUpdate.exe", dir: `C:\Program Files (x86)\Google\Update`, signer: "Google LLC", parent: "svchost.exe"}, []poll{
		{"updater", goog("update.googleapis.com", 6), about(5*3600, 0.08), noisy(2600, 1800, 0.1), whileOn, pickAny, 0},
	}},
	{"google", office, 0.15, image{name: "GoogleDriveFS.exe", dir: programFiles + `\Google\Drive File Stream\95.0.2.0`, signer: "Google LLC", parent: "explorer.exe"}, []poll{
		{"sync", goog("www.googleapis.com", 8), about(300, 0.1), noisy(1700, 2100, 0.15), whileOn, pickAny, 0},
		{"sync", goog("clients6.google.com", 8), about(60, 0.05), noisy(900, 700, 0.1), whileUsed, pickAny, 0.5},
	}},
	{"firefox", office | mac, 0.25, image{name: "firefox.exe", dir: programFiles + `\Mozilla Firefox`, signer: "Mozilla Corporation", parent: "explorer.exe", ja3: "firefox"}, []poll{
		{"browser-push", at("push.services.mozilla.com", 6), about(1800, 0.02), constant(640, 420), whileOn, pickSticky, 0},
		{"browser-settings", cdn("firefox.settings.services.mozilla.com", 3), about(3600, 0.03), noisy(900, 5000, 0.3), whileUsed, pickSticky, 0},
	}},
	{"apple", mac, 1, image{name: "apsd", dir: "/System/Library/PrivateFrameworks/ApplePushService.framework", signer: "Software Signing", parent: "launchd", ja3: "apple"}, []poll{
		{"push", on(at("1-courier.push.apple.com", 8), 5223), about(1680, 0.1), noisy(600, 400, 0.05), whileOn, pickSticky, 0},
	}},
	{"apple", mac, 1, image{name: "cloudd", dir: "/System/Library/PrivateFrameworks/CloudKitDaemon.framework/Support", signer: "Software Signing", parent: "launchd", ja3: "apple"}, []poll{
		{"sync", at("gateway.icloud.com", 6), spread(1100, 0.9), heavySizes(4000, 6000), whileOn, pickAny, 0},
	}},
	{"apple", mac, 1, image{name: "nsurlsessiond", dir: "/usr/libexec", signer: "Software Signing", parent: "launchd", ja3: "apple"}, []poll{
		{"", cdn("gdmf.apple.com", 3), spread(7000, 1.2), heavySizes(2000, 40000), whileOn, pickAny, 0},
	}},
	{"apple", mac, 0.9, image{name: "mdmclient", dir: "/usr/libexec", signer: "Software Signing", parent: "launchd", ja3: "apple"}, []poll{
		{"management", at("mdm.jamfcloud.example-corp.com", 2), about(900, 0.05), noisy(1500, 2000, 0.1), whileOn, pickSticky, 0},
	}},

	// Endpoint protection: two make-ups.
	{"edr-a", windows | mac | linServer, 1, image{name: "elastic-endpoint.exe", dir: programFiles + `\Elastic\Endpoint`, signer: "Elasticsearch, Inc.", parent: "services.exe", ja3: "boring"}, []poll{
		{"edr-heartbeat", at("artifacts.security.elastic.co", 3), about(240, 0.02), noisy(1200, 800, 0.02), whileOn, pickSticky, 0.4},
		{"edr-events", on(at("3f0a7c.fleet.europe-west1.gcp.cloud.es.io", 3), 443), about(270, 0.25), noisy(26000, 1500, 0.6), whileOn, pickSticky, 0},
	}},
	{"edr-a", windows | mac | linServer, 1, image{name: "elastic-agent.exe", dir: programFiles + `\Elastic\Agent`, signer: "Elasticsearch, Inc.", parent: "services.exe", ja3: "go"}, []poll{
		{"agent-checkin", at("fleet.europe-west1.gcp.cloud.es.io", 3), about(300, 0.01), noisy(2600, 900, 0.05), whileOn, pickSticky, 0},
	}},
	{"edr-b", windows | mac | linServer, 1, image{name: "CSFalconService.exe", dir: programFiles + `\CrowdStrike`, signer: "CrowdStrike, Inc.", parent: "services.exe"}, []poll{
		{"edr-heartbeat", at("ts01-b.cloudsink.net", 8), about(200, 0.2), noisy(4000, 700, 0.5), whileOn, pickAny, 0},
		{"edr-config", at("lfodown01-b.cloudsink.net", 4), about(3600, 0.1), noisy(900, 1200, 0.1), whileOn, pickSticky, 0},
	}},
	{"edr-b", windows, 0.6, image{name: "ekrn.exe", dir: programFiles + `\ESET\ESET Security`, signer: "ESET, spol. s r.o.", parent: "services.exe"}, []poll{
		{"antivirus", on(at("edf.eset.com", 4), 8883), fixed(301.5), constant(560, 340), whileOn, pickSticky, 0},
		{"signature-check", at("update.eset.com", 6), fixed(3600), noisy(1100, 2400, 0.3), whileOn, pickAny, 0},
	}},

	// Monitoring agents.
	{"agents-a", winServer | linServer, 1, image{name: "splunkd.exe", dir: programFiles + `\SplunkUniversalForwarder\bin`, signer: "Splunk Inc.", parent: "services.exe"}, []poll{
		{"agent-checkin", on(at("ds.splunk.example-corp.com", 1), 8089), fixed(60), noisy(900, 600, 0.01), whileOn, pickSticky, 0.3},
		{"agent-config", on(at("ds.splunk.example-corp.com", 1), 8089), fixed(600), noisy(1900, 1200, 0.05), whileOn, pickSticky, 0},
		{"agent-data", on(at("inputs1.acme.splunkcloud.com", 6), 9997), about(150, 0.1), noisy(40000, 900, 0.7), whileOn, pickAny, 0},
	}},
	{"agents-a", winServer | linServer, 0.5, image{name: "zabbix_agentd.exe", dir: programFiles + `\Zabbix Agent`, signer: "Zabbix SIA", parent: "services.exe"}, []poll{
		{"agent-checkin", on(at("zbx.example-corp.com", 1), 10051), fixed(120), noisy(310, 1400, 0.01), whileOn, pickSticky, 0},
		{"agent-data", on(at("zbx.example-corp.com", 1), 10051), about(60, 0.1), noisy(1900, 150, 0.3), whileOn, pickSticky, 0},
	}},
	{"agents-b", winServer | linServer, 0.8, image{name: "telegraf", dir: programFiles + `\Telegraf`, signer: "", parent: "services.exe", ja3: "go"}, []poll{
		{"metrics", at("eu-central-1-1.aws.cloud2.influxdata.com", 3), fixed(60), noisy(5200, 240, 0.03), whileOn, pickSticky, 0},
	}},
	{"agents-b", winServer | linServer, 0.8, image{name: "agent.exe", dir: programFiles + `\Datadog\Datadog Agent\bin`, signer: "Datadog, Inc", parent: "services.exe", ja3: "go"}, []poll{
		{"metrics", at("7-60-0-app.agent.datadoghq.eu", 6), fixed(60), noisy(8000, 200, 0.1), whileOn, pickAny, 0},
		{"agent-checkin", at("process.datadoghq.eu", 4), about(120, 0.02), noisy(3000, 200, 0.2), whileOn, pickAny, 0},
	}},
	{"agents-b", linServer, 0.5, image{name: "newrelic-infra", dir: "/usr/bin", parent: "systemd", ja3: "go"}, []poll{
		{"metrics", at("infra-api.newrelic.com", 4), fixed(60), noisy(2600, 180, 0.1), whileOn, pickSticky, 0},
	}},

	// Device management.
	{"management-a", office | winServer, 0.9, image{name: "CcmExec.exe", dir: `C:\Windows\CCM`, signer: microsoft, parent: "services.exe"}, []poll{
		{"management", at("cmg.example-corp.com", 2), about(3600, 0.05), noisy(6000, 9000, 0.3), whileOn, pickSticky, 0},
		{"management", at("mp.cmg.example-corp.com", 2), fixed(900), noisy(900, 700, 0.02), whileOn, pickSticky, 0.5},
	}},
	{"management-a", office, 0.9, image{name: "Microsoft.Management.Services.IntuneWindowsAgent.exe", dir: `C:\Program Files (x86)\Microsoft Intune Management Extension`, signer: microsoft, parent: "services.exe"}, []poll{
		{"management", ms("fef.msub06.manage.microsoft.com", 3), about(8*3600, 0.02), noisy(9000, 20000, 0.3), whileOn, pickSticky, 0},
		{"management", ms("swda01-mscdn.manage.microsoft.com", 3), fixed(3600), noisy(1300, 2200, 0.1), whileOn, pickSticky, 0},
	}},
	{"management-b", linServer | winServer | developer, 0.9, image{name: "puppet", dir: "/opt/puppetlabs/bin", parent: "systemd", ja3: "ruby"}, []poll{
		{"management", on(at("puppet.example-corp.com", 1), 8140), gaps{kind: gapAdded, period: 1800, jitter: 0.03}, noisy(42000, 30000, 0.2), whileOn, pickSticky, 0},
	}},
	{"management-b", office, 0.9, image{name: "AteraAgent.exe", dir: programFiles + `\ATERA Networks\AteraAgent`, signer: "Atera Networks Ltd", parent: "services.exe"}, []poll{
		{"management", ms("agent-api.atera.com", 3), fixed(180), noisy(1400, 900, 0.02), whileOn, pickSticky, 0},
		{"push", at("ps.atera.com", 4), about(280, 0.05), noisy(500, 350, 0.02), whileOn, pickSticky, 0},
	}},
	{"management-b", linServer, 0.3, image{name: "chef-client", dir: "/opt/chef/bin", parent: "systemd", ja3: "ruby"}, []poll{
		{"management", at("chef.example-corp.com", 1), gaps{kind: gapAdded, period: 1800, jitter: 1.0 / 6}, noisy(20000, 9000, 0.2), whileOn, pickSticky, 0},
	}},

	// Chat and meetings.
	{"chat-a", office | mac, 0.9, image{name: "Teams.exe", dir: programFiles + `\WindowsApps\MSTeams_24`, signer: microsoft, parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"chat-keepalive", ms("teams.microsoft.com", 8), about(210, 0.1), noisy(1900, 900, 0.2), whileUsed, pickSticky, 0},
		{"presence", ms("presence.teams.microsoft.com", 4), about(300, 0.05), noisy(1200, 500, 0.1), whileUsed, pickSticky, 0},
		{"", ms("statics.teams.cdn.office.net", 4), spread(900, 1.4), heavySizes(2500, 30000), whileUsed, pickAny, 0},
	}},
	{"chat-b", office | mac, 0.85, image{name: "slack.exe", dir: appData + `\slack\app-4.41.97`, signer: "Slack Technologies, LLC", parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"chat-keepalive", at("wss-primary.slack.com", 6), about(190, 0.15), noisy(700, 500, 0.3), whileUsed, pickSticky, 0},
		{"", cdn("slack.com", 4), bursts(500), heavySizes(3000, 9000), whileUsed, pickAny, 0},
	}},
	{"chat-b", office | mac, 0.6, image{name: "Zoom.exe", dir: `C:\Users\{user}\AppData\Roaming\Zoom\bin`, signer: "Zoom Video Communications, Inc.", parent: "explorer.exe"}, []poll{
		{"chat-keepalive", at("us04xmpp1.zoom.us", 4), about(60, 0.05), noisy(450, 300, 0.05), whileUsed, pickSticky, 0.5},
		{"", at("us05web.zoom.us", 6), spread(1800, 1.2), heavySizes(9000, 20000), whileUsed, pickAny, 0},
	}},
	{"creative", office | mac, 0.3, image{name: "CCXProcess.exe", dir: programFiles + `\Adobe\Adobe Creative Cloud Experience`, signer: "Adobe Inc.", parent: "explorer.exe", ja3: "node"}, []poll{
		{"updater", cdn("cc-api-data.adobe.io", 3), about(1800, 0.1), noisy(2100, 1200, 0.1), whileOn, pickSticky, 0},
	}},
	{"creative", office | mac, 0.6, image{name: "AcroCEF.exe", dir: programFiles + `\Adobe\Acrobat DC\Acrobat\acrocef_1`, signer: "Adobe Inc.", parent: "Acrobat.exe", ja3: "chromium"}, []poll{
		{"", cdn("p13n.adobe.io", 3), spread(3000, 1.2), heavySizes(2100, 6000), whileUsed, pickAny, 0},
	}},
	{"creative", office | mac, 0.25, image{name: "Spotify.exe", dir: `C:\Users\{user}\AppData\Roaming\Spotify`, signer: "Spotify AB", parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"music", cdn("audio-fa.scdn.co", 3), about(190, 0.4), noisy(900, 2_500_000, 0.4), whileUsed, pickAny, 0},
		{"chat-keepalive", on(goog("ap-gew1.spotify.com", 3), 4070), about(30, 0.02), constant(220, 160), whileUsed, pickSticky, 0.15},
	}},
	{"sync", office | mac, 0.35, image{name: "Dropbox.exe", dir: `C:\Program Files (x86)\Dropbox\Client`, signer: "Dropbox, Inc", parent: "explorer.exe", ja3: "python"}, []poll{
		{"sync", at("bolt.dropbox.com", 4), about(60, 0.06), noisy(700, 420, 0.03), whileOn, pickSticky, 0.5},
		{"", at("client.dropbox.com", 4), spread(900, 1.2), heavySizes(4000, 5000), whileUsed, pickAny, 0},
	}},

	// Developers.
	{"developer", developer | mac, 0.9, image{name: "Code.exe", dir: appData + `\Programs\Microsoft VS Code`, signer: microsoft, parent: "explorer.exe", ja3: "chromium"}, []poll{
		{"telemetry", ms("mobile.events.data.microsoft.com", 4), about(420, 0.4), noisy(4200, 600, 0.5), whileUsed, pickAny, 0},
		{"extension", at("default.exp-tas.com", 3), fixed(1800), noisy(1100, 2600, 0.05), whileUsed, pickSticky, 0},
		{"", at("api.github.com", 3), spread(700, 1.3), heavySizes(2500, 8000), whileUsed, pickAny, 0},
	}},
	{"developer", developer, 0.8, image{name: "git.exe", dir: programFiles + `\Git\mingw64\bin`, signer: "Johannes Schindelin", parent: "Code.exe", ja3: "openssl"}, []poll{
		{"git-fetch", at("github.com", 3), about(180, 0.01), noisy(3800, 4700, 0.05), whileUsed, pickSticky, 0.7},
	}},
	{"developer", developer, 0.6, image{name: "com.docker.backend.exe", dir: programFiles + `\Docker\Docker\resources`, signer: "Docker Inc", parent: "Docker Desktop.exe", ja3: "go"}, []poll{
		{"updater", cdn("desktop.docker.com", 2), about(4*3600, 0.1), noisy(800, 2600, 0.05), whileOn, pickSticky, 0},
		{"telemetry", at("api.segment.io", 4), spread(1200, 0.9), noisy(2600, 300, 0.3), whileUsed, pickAny, 0},
	}},
	{"developer", developer, 0.7, image{name: "node.exe", dir: programFiles + `\nodejs`, signer: "OpenJS Foundation", parent: "cmd.exe", ja3: "node"}, []poll{
		{"", cdn("registry.npmjs.org", 3), bursts(4000), heavySizes(900, 120000), whileUsed, pickAny, 0},
	}},
	{"developer", developer, 0.6, image{name: "java.exe", dir: programFiles + `\Eclipse Adoptium\jdk-21\bin`, signer: "Eclipse.org Foundation, Inc.", parent: "cmd.exe", ja3: "java"}, []poll{
		{"", cdn("repo.maven.apache.org", 3), bursts(5000), heavySizes(900, 220000), whileUsed, pickAny, 0},
	}},

	// Linux and clouds.
	{"linux", linServer, 1, image{name: "systemd-timesyncd", dir: "/usr/lib/systemd", parent: "systemd"}, []poll{
		{"time", udp(at("ntp.ubuntu.com", 4), 123), doubling(32, 2048), constant(76, 76), whileOn, pickSticky, 0},
	}},
	{"linux", linServer, 0.6, image{name: "chronyd", dir: "/usr/sbin", parent: "systemd"}, []poll{
		{"time", udp(at("2.debian.pool.ntp.org", 4), 123), doubling(64, 1024), constant(76, 76), whileOn, pickTurn, 0},
	}},
	{"linux", linServer, 0.8, image{name: "snapd", dir: "/usr/lib/snapd", parent: "systemd", ja3: "go"}, []poll{
		{"updater", at("api.snapcraft.io", 4), about(6*3600, 0.3), noisy(4000, 9000, 0.2), whileOn, pickAny, 0},
	}},
	{"linux", linServer, 0.9, image{name: "apt-get", dir: "/usr/bin", parent: "apt.systemd.daily", agent: "Debian APT-HTTP/1.3 (2.4.11)"}, []poll{
		{"updater", on(at("archive.ubuntu.com", 6), 80), added(12*3600, 0.9), heavySizes(3000, 400000), whileOn, pickAny, 0},
	}},
	{"linux", linServer | iot, 0.4, image{name: "NetworkManager", dir: "/usr/sbin", parent: "systemd", agent: "NetworkManager"}, []poll{
		{"ncsi", on(at("connectivity-check.ubuntu.com", 6), 80), fixed(300), constant(87, 148), whileOn, pickAny, 0},
	}},
	{"linux", linServer, 0.5, image{name: "amazon-ssm-agent", dir: "/snap/amazon-ssm-agent/current", parent: "systemd", ja3: "go"}, []poll{
		{"cloud-agent", at("ec2messages.eu-central-1.amazonaws.com", 4), gaps{kind: gapAbout, period: 300, jitter: 0.1}, noisy(2100, 900, 0.03), whileOn, pickSticky, 0},
		{"cloud-agent", at("ssm.eu-central-1.amazonaws.com", 4), about(300, 0.02), noisy(2600, 1300, 0.03), whileOn, pickSticky, 0},
	}},
	{"linux", linServer, 0.35, image{name: "kubelet", dir: "/usr/bin", parent: "systemd", ja3: "go"}, []poll{
		{"cloud-agent", at("{}.gr7.eu-central-1.eks.amazonaws.com", 2), fixed(60), noisy(1900, 1100, 0.1), whileOn, pickSticky, 0},
	}},
	{"linux", linServer, 0.3, image{name: "consul", dir: "/usr/local/bin", parent: "systemd", ja3: "go"}, []poll{
		{"cloud-agent", on(at("{}.consul.aws.hashicorp.cloud", 1), 8500), about(60, 0.06), noisy(600, 400, 0.05), whileOn, pickSticky, 0},
	}},
	{"linux", linServer, 0.6, image{name: "filebeat", dir: "/usr/share/filebeat/bin", parent: "systemd", ja3: "go"}, []poll{
		{"agent-data", at("logs.europe-west1.gcp.cloud.es.io", 3), about(90, 0.3), noisy(24000, 900, 0.8), whileOn, pickSticky, 0},
	}},
}

// softwareGroups returns the names of the groups of known programs.
func softwareGroups() []string {
	var names []string
	for _, p := range programs {
		if !slices.Contains(names, p.group) {
			names = append(names, p.group)
		}
	}
	return names
}

// onKind returns the file of a program as it is on a kind of host.
func (im image) onKind(k kind) image {
	switch {
	case k&(windows) != 0:
		if strings.HasPrefix(im.dir, "/") {
			im.dir, im.parent = programFiles+`\`+title(im.name), "services.exe"
		}
		if !strings.HasSuffix(strings.ToLower(im.name), ".exe") {
			im.name += ".exe"
		}
	case strings.Contains(im.dir, `\`):
		name := im.name
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			name = name[:i]
		}
		im.dir, im.parent = "/opt/"+strings.ToLower(name)+"/bin", "systemd"
		if k == mac {
			im.dir, im.parent = "/Applications/"+title(name)+".app/Contents/MacOS", "launchd"
		}
		im.name = name
	}
	return im
}
