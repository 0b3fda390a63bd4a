package httpapi

import (
	"fmt"
	"net/http"

	"fresnel/internal/auth"
)

const apiDoc = `Findings of beacons in network telemetry, and what they were made from.

Times are RFC 3339 in UTC. Parameters from and to also take dates (2026-01-31) and times relative to now (now-24h, now/d). Lists stand in the order that they state; those with a next are asked for further by page=NEXT, with all other parameters as they were, and tell of the time range of the first page. Unknown parameters and fields are errors.

A client says who it is by the cookie of a session, by an API key, or by a name and a password. A browser's requests that change something must come from the pages of the server itself.

Every request that fails is answered by {"error": {"code", "message", ...}}. A request that reads much may have to wait for others and is refused with 429 after a while; Retry-After says when to come again.

Bounds: a body of %d bytes; %d requests at a time that read findings or events, and %d exports, others wait for up to %v; %v for each to read; %d findings that one request looks at, the newest first (complete is false where there are more).`

// docOf returns apiDoc with the bounds that hold.
func docOf(l Limits) string {
	return fmt.Sprintf(apiDoc, l.BodyBytes, l.Heavy, l.Streams, l.Wait, l.Timeout, l.Findings)
}

// tagDocs say what the groups of operations are.
var tagDocs = []struct{ name, doc string }{
	{"findings", "What runs found."},
	{"overview", "Findings by where they were found."},
	{"runs", "Looks at a window of events."},
	{"tuning", "What detection looks for, and what it would find with other settings."},
	{"session", "Who asks."},
	{"accounts", "Users, API keys, and the trail of what people changed."},
	{"service", "The program itself."},
}

// routes returns the table of all operations: what serves them, who may use them, and what the
// document says of them.
func (a *API) routes() []route {
	const (
		get, post, put, patch, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

		v1      = "/api/v1"
		finding = v1 + "/findings/{id}"
		user    = v1 + "/users/{name}"

		aDay = "A day back, unless from and to say otherwise."
	)
	return []route{
		{
			method: get, path: v1 + "/findings", id: "listFindings", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.listFindings),
			summary: "findings that a query wants, page by page",
			doc:     aDay,
			links:   []link{{[]string{"getFinding", "getFindingPictures", "getFindingSeries", "getFindingDestinations", "getFindingEvents", "getFindingCallbacks", "getFindingHistory", "getFindingReport"}, "id", "/findings/0/fresnel/id"}},
		},
		{
			method: get, path: v1 + "/findings.ndjson", id: "exportFindings", tag: "findings", want: auth.Read, reads: readsStream, op: contentOf("application/x-ndjson", a.exportFindings),
			summary: "all documents that a query wants, one on a line",
			doc:     aDay + " The newest run first, those of a run in its order. An answer that cannot be finished is broken off, which a client sees from its missing end.",
		},
		{
			method: get, path: finding, id: "getFinding", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.getFinding),
			summary: "one finding, and which runs saw it",
			doc:     "Runs are looked at from two weeks before its own up to now, unless from and to say otherwise.",
		},
		{
			method: get, path: finding + "/pictures", id: "getFindingPictures", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingPictures),
			summary: "the pictures of a finding, as its report has them",
			doc:     "Its calls of the seven days up to the end of the run, and the window of the run, or of the newest that saw the group, under the parameters in force.",
		},
		{
			method: get, path: finding + "/series", id: "getFindingSeries", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingSeries),
			summary: "what the tests looked at in a finding, as numbers",
			doc:     "All that the group called in the window of the run, and what the tests make of it under the parameters in force.",
		},
		{
			method: get, path: finding + "/destinations", id: "getFindingDestinations", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingDestinations),
			summary: "whom the group of a finding called, and who else did",
			doc:     "In the window of the run, unless from and to say otherwise.",
		},
		{
			method: get, path: finding + "/events", id: "getFindingEvents", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingEvents),
			summary: "raw events of a finding, page by page",
			doc:     "In the window of the run, unless from and to say otherwise.",
		},
		{
			method: get, path: finding + "/callbacks", id: "getFindingCallbacks", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingCallbacks),
			summary: "when the group of a finding called its destination",
			doc:     "The seven days up to the end of the run, unless from and to say otherwise: calls that the timing model looks at by the filter in force. A finding without a destination has those to all.",
		},
		{
			method: get, path: finding + "/history", id: "getFindingHistory", tag: "findings", want: auth.Read, reads: readsMuch, op: jsonOf(a.findingHistory),
			summary: "what each run said of the group and destination of a finding",
			doc:     "Runs are looked at from two weeks before its own up to now, unless from and to say otherwise.",
		},
		{
			method: get, path: finding + "/report", id: "getFindingReport", tag: "findings", want: auth.Read, reads: readsMuch, op: contentOf("text/html; charset=utf-8", a.findingReport),
			summary: "a finding as a page for people",
		},
		{
			method: get, path: v1 + "/cases", id: "listCases", tag: "overview", want: auth.Read, reads: readsMuch, op: jsonOf(a.listCases),
			summary: "cases, those first that an analyst would look at first",
			doc:     aDay + " With strip, each has a picture of its calls: the events are looked at once for all of them, of a long time range the newest five million or so.",
			links:   []link{{[]string{"getCase"}, "id", "/cases/0/id"}, {[]string{"getFinding"}, "id", "/cases/0/lead/fresnel/id"}},
		},
		{
			method: get, path: v1 + "/cases/{id}", id: "getCase", tag: "overview", want: auth.Read, reads: readsMuch, op: jsonOf(a.getCase),
			summary: "one case and its findings",
			doc:     "As the newest run of the time range tells it that knows it under its id: two weeks back, unless from and to say otherwise.",
		},
		{
			method: get, path: v1 + "/overview", id: "getOverview", tag: "overview", want: auth.Read, reads: readsMuch, op: jsonOf(a.overview),
			summary: "hosts, processes and destinations with findings, over time",
			doc:     aDay,
		},
		{
			method: get, path: v1 + "/hosts", id: "listHosts", tag: "overview", want: auth.Read, reads: readsMuch, op: jsonOf(a.listHosts),
			summary: "hosts with findings, page by page",
			doc:     aDay,
		},
		{
			method: get, path: v1 + "/processes", id: "listProcesses", tag: "overview", want: auth.Read, reads: readsMuch, op: jsonOf(a.listProcesses),
			summary: "processes with findings, page by page",
			doc:     aDay,
		},

		{
			method: get, path: v1 + "/runs", id: "listRuns", tag: "runs", want: auth.Read, op: jsonOf(a.listRuns),
			summary: "runs, page by page",
			doc:     "Two weeks back, unless from and to say otherwise.",
			links:   []link{{[]string{"getRun"}, "end", "/runs/0/end"}},
		},
		{
			method: post, path: v1 + "/runs", id: "makeRun", tag: "runs", want: auth.Write, status: http.StatusCreated, op: jsonOf(a.makeRun), also: []int{http.StatusInsufficientStorage},
			links:   []link{{[]string{"getRun"}, "end", "/end"}},
			summary: "make a run by hand",
			doc:     "The answer comes when the run is stored. One at a time. It stands in the trail.",
		},
		{
			method: get, path: v1 + "/runs/{end}", id: "getRun", tag: "runs", want: auth.Read, op: jsonOf(a.getRun),
			summary: "the run whose window ends at a time",
		},

		{
			method: post, path: v1 + "/whatif", id: "tryConfig", tag: "tuning", want: auth.Write, reads: readsWindow, op: jsonOf(a.whatIf), also: []int{http.StatusNotFound},
			summary: "what a run would say with other settings",
			doc:     "The window is looked at again, and nothing is stored. One at a time.",
		},
		{
			method: get, path: v1 + "/filter", id: "getFilter", tag: "tuning", want: auth.Read, op: jsonOf(a.filter),
			summary: "the filter in force: its clauses and sets",
		},
		{
			method: post, path: v1 + "/filter/preview", id: "previewFilter", tag: "tuning", want: auth.Read, reads: readsMuch, op: jsonOf(a.previewFilter), also: []int{http.StatusNotFound},
			summary: "how many events of a window each clause of the filter decides, before and after a change",
			doc:     "Nothing is stored. Without settings in set both are the filter in force. It is the filter of the statistics; the timing model also looks at what only clauses about processes leave out.",
		},
		{
			method: get, path: v1 + "/config", id: "getConfig", tag: "tuning", want: auth.Read, op: jsonOf(a.config),
			summary: "the settings in force",
		},
		{
			method: put, path: v1 + "/config", id: "saveConfig", tag: "tuning", want: auth.Manage, op: jsonOf(a.saveConfig), also: []int{http.StatusNotFound, http.StatusInsufficientStorage},
			summary: "save settings of what detection looks for, and forget others that were saved",
			doc:     "All of it or nothing. They count from the next run on, also after a new start, unless the environment or a flag says otherwise. It stands in the trail.",
		},
		{
			method: remove, path: v1 + "/config/{key}", id: "forgetConfig", tag: "tuning", want: auth.Manage, op: jsonOf(a.forgetConfig), also: []int{http.StatusInsufficientStorage},
			summary: "forget a setting that was saved",
			doc:     "From the next run on the settings file counts again, or the default. It stands in the trail.",
		},

		{
			method: post, path: v1 + "/login", id: "login", tag: "session", op: jsonOf(a.login),
			also:    []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests},
			summary: "begin a session, which a cookie carries",
		},
		{
			method: post, path: v1 + "/logout", id: "logout", tag: "session", op: jsonOf(a.logout), also: []int{http.StatusForbidden},
			summary: "end the session",
		},
		{
			method: get, path: v1 + "/me", id: "getMe", tag: "session", want: auth.Self, op: jsonOf(a.me),
			summary: "who asks, and what they may do",
		},
		{
			method: post, path: v1 + "/me/password", id: "changePassword", tag: "session", want: auth.Self, op: jsonOf(a.changePassword), also: []int{http.StatusInsufficientStorage},
			summary: "change one's own password",
			doc:     "All sessions of the user end; the one that asks gets a new cookie.",
		},

		{
			method: get, path: v1 + "/users", id: "listUsers", tag: "accounts", want: auth.Manage, op: jsonOf(a.listUsers),
			summary: "all users",
		},
		{
			method: post, path: v1 + "/users", id: "createUser", tag: "accounts", want: auth.Manage, status: http.StatusCreated, op: jsonOf(a.createUser),
			also:    []int{http.StatusConflict, http.StatusInsufficientStorage},
			summary: "make a user",
			links:   []link{{[]string{"getUser", "changeUser", "resetPassword", "endSessions", "removeUser"}, "name", "/user/name"}},
		},
		{
			method: get, path: user, id: "getUser", tag: "accounts", want: auth.Manage, op: jsonOf(a.getUser),
			summary: "one user",
		},
		{
			method: patch, path: user, id: "changeUser", tag: "accounts", want: auth.Manage, op: jsonOf(a.changeUser),
			also:    []int{http.StatusConflict, http.StatusInsufficientStorage},
			summary: "give a user another role, or keep one out",
			doc:     "One of the two with each request.",
		},
		{
			method: remove, path: user, id: "removeUser", tag: "accounts", want: auth.Manage, op: jsonOf(a.removeUser),
			also:    []int{http.StatusConflict, http.StatusInsufficientStorage},
			summary: "remove a user with all sessions",
		},
		{
			method: post, path: user + "/password", id: "resetPassword", tag: "accounts", want: auth.Manage, op: jsonOf(a.resetPassword), also: []int{http.StatusInsufficientStorage},
			summary: "give a user another password",
			doc:     "All sessions of the user end.",
		},
		{
			method: remove, path: user + "/sessions", id: "endSessions", tag: "accounts", want: auth.Self, op: jsonOf(a.endSessions), also: []int{http.StatusInsufficientStorage},
			summary: "end all sessions of a user",
			doc:     "Users may do that for themselves; for others it needs the permission manage.",
		},
		{
			method: get, path: v1 + "/keys", id: "listKeys", tag: "accounts", want: auth.Manage, op: jsonOf(a.listKeys),
			summary: "all API keys, without their secrets",
		},
		{
			method: post, path: v1 + "/keys", id: "createKey", tag: "accounts", want: auth.Manage, status: http.StatusCreated, op: jsonOf(a.createKey), also: []int{http.StatusInsufficientStorage},
			summary: "make an API key",
			links:   []link{{[]string{"revokeKey"}, "id", "/key/id"}},
		},
		{
			method: remove, path: v1 + "/keys/{id}", id: "revokeKey", tag: "accounts", want: auth.Manage, op: jsonOf(a.revokeKey), also: []int{http.StatusInsufficientStorage},
			summary: "revoke an API key",
		},
		{
			method: get, path: v1 + "/audit", id: "getAudit", tag: "accounts", want: auth.Manage, op: jsonOf(a.audit),
			summary: "who changed what, page by page",
		},

		{
			method: get, path: v1 + "/inputs", id: "listInputs", tag: "service", want: auth.Read, op: jsonOf(a.listInputs),
			summary: "the inputs and how they are",
		},
		{
			method: get, path: v1 + "/version", id: "getVersion", tag: "service", want: auth.Read, op: jsonOf(a.version),
			summary: "what runs here, and what its store takes",
		},
		{
			method: get, path: v1 + "/fields", id: "listFields", tag: "service", want: auth.Read, op: jsonOf(a.listFields),
			summary: "the fields that queries may name",
		},
		{
			method: get, path: v1 + "/fields/{name}/values", id: "listFieldValues", tag: "service", want: auth.Read, reads: readsMuch, op: jsonOf(a.fieldValues),
			summary: "the values that findings have in a field, to complete what somebody types",
			doc:     "Two weeks back, unless from and to say otherwise.",
		},
		{
			method: get, path: "/api/openapi.json", id: "getOpenAPI", tag: "service", op: contentOf("application/json", a.openapi), also: []int{http.StatusNotModified},
			summary: "this document",
		},
		{
			method: get, path: "/healthz", id: "getHealth", tag: "service", op: jsonOf(a.healthy),
			summary: "the process lives",
		},
		{
			method: get, path: "/readyz", id: "getReadiness", tag: "service", op: jsonOf(a.ready),
			summary: "the store answers",
		},
	}
}
