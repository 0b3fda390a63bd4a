// Package labels holds what is known to be true of telemetry: which rows of it are beacons
// and which are not. The simulator writes it, people write it for their captures, and the
// evaluation reads it.
package labels

// A File is a file of labels, in JSON.
type File struct {
	Dataset string `json:"dataset"`
	Note    string `json:"note,omitempty"`

	// What rates of false positives are rates of; 0 is unknown.
	Groups int     `json:"groups,omitempty"` // groups in the telemetry, or whatever else a detector makes rows of
	Hosts  int     `json:"hosts,omitempty"`
	Days   float64 `json:"days,omitempty"` // length of the telemetry

	Labels []Label `json:"labels"`
}

// A Label tells the truth about a row: calls of a source, or of a host and a process, to a
// destination. Fields that are empty match any value, so a label without a destination
// speaks of a whole group, and one without a process of everything that its host calls there.
type Label struct {
	Host    string `json:"host,omitempty"`
	Process string `json:"process,omitempty"`
	Source  string `json:"src,omitempty"`    // address
	Dest    string `json:"dst,omitempty"`    // address, or a domain
	Domain  string `json:"domain,omitempty"` // the destination's domain, where Dest is an address; it decides where a row has one too, else Dest does
	Port    int    `json:"dst_port,omitempty"`

	Beacon   *bool   `json:"beacon"`             // true: check-ins of malware or of a C2 agent; false: known not to be that; null: do not score
	Periodic *bool   `json:"periodic,omitempty"` // of the timing alone
	Period   float64 `json:"period_s,omitempty"`
	Jitter   float64 `json:"jitter,omitempty"` // share of the period
	Evidence string  `json:"evidence,omitempty"`
	Capture  string  `json:"capture,omitempty"` // which file of the dataset

	Implant   string  `json:"implant,omitempty"`   // rows of the same implant count as one in recall over implants
	Framework string  `json:"framework,omitempty"` // of a beacon, or the kind of a benign one
	Callbacks int     `json:"callbacks,omitempty"`
	First     float64 `json:"first_s,omitempty"` // first callback, seconds since 1970 UTC
	Last      float64 `json:"last_s,omitempty"`
}
