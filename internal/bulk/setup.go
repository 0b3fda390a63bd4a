package bulk

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// A setup is a thing that shippers look for and create before they send: they find it there.
type setup struct {
	path  string
	there string // what GET answers; $ stands for its name
}

// setups are answered by what the shippers do by their public documentation; none of it was
// tried with the real programs. Beats ask for the template (HEAD), the policy and the data
// stream (GET) and create what is missing or what they are to overwrite; Logstash asks for
// the template, the policy and the alias that writes.
var setups = []setup{
	{"_index_template", `{"index_templates":[{"name":$,"index_template":{"index_patterns":["*"],"template":{"settings":{},"mappings":{}},"composed_of":[],"priority":0,"data_stream":{"hidden":false,"allow_custom_routing":false}}}]}`},
	{"_component_template", `{"component_templates":[{"name":$,"component_template":{"template":{}}}]}`},
	{"_template", `{$:{"order":0,"index_patterns":["*"],"settings":{},"mappings":{},"aliases":{}}}`},
	{"_ilm/policy", `{$:{"version":1,"modified_date":"1970-01-01T00:00:00.000Z","policy":{"phases":{}},"in_use_by":{"indices":[],"data_streams":[],"composable_templates":[]}}}`},
	{"_ingest/pipeline", `{$:{"description":"documents are taken as they are","processors":[]}}`},
	{"_data_stream", `{"data_streams":[{"name":$,"timestamp_field":{"name":"@timestamp"},"indices":[],"generation":1,"status":"GREEN","template":$}]}`},
	{"_alias", `{$:{"aliases":{$:{"is_write_index":true}}}}`},
}

// setUp answers for one of setups.
func (c *call) setUp(route route) *failure {
	if c.r.Method == http.MethodPut || c.r.Method == http.MethodPost {
		c.write(http.StatusOK, []byte(`{"acknowledged":true}`))
		return nil
	}
	var out []byte
	for _, char := range []byte(route.setup.there) {
		if char == '$' {
			out = appendText(out, route.id)
		} else {
			out = append(out, char)
		}
	}
	c.write(http.StatusOK, out)
	return nil
}

// index answers for an index by itself: it is there, or can be.
func (c *call) index(route route) *failure {
	if len(route.index) > maxIndexBytes {
		return &failure{status: http.StatusBadRequest, kind: "invalid_index_name_exception", reason: badIndex(route.index)}
	}
	var out []byte
	if c.r.Method == http.MethodPut {
		out = append(out, `{"acknowledged":true,"shards_acknowledged":true,"index":`...)
		out = append(appendText(out, route.index), '}')
	} else {
		out = append(out, '{')
		out = append(appendText(out, route.index), `:{"aliases":{},"mappings":{},"settings":{}}}`...)
	}
	c.write(http.StatusOK, out)
	return nil
}

// info answers GET /, by which clients learn the version.
func (c *call) info(route) *failure {
	o := &c.h.o
	lucene, wire, oldest := "9.12.2", "7.17.0", "7.0.0"
	switch {
	case c.h.major < 8:
		lucene, wire, oldest = "8.11.3", "6.8.0", "6.0.0"
	case c.h.major > 8:
		lucene, wire, oldest = "10.2.2", "8.19.0", "8.0.0"
	}
	out := object{}.text("name", o.Name).text("cluster_name", o.ClusterName).text("cluster_uuid", o.ClusterUUID)
	out = out.raw("version", object{}.
		text("number", o.Version).text("build_flavor", "default").text("build_type", "tar").
		text("build_hash", "0000000000000000000000000000000000000000").text("build_date", "1970-01-01T00:00:00.000Z").
		raw("build_snapshot", object("false")).text("lucene_version", lucene).
		text("minimum_wire_compatibility_version", wire).text("minimum_index_compatibility_version", oldest).close())
	c.write(http.StatusOK, out.text("tagline", "You Know, for Search").close())
	return nil
}

// license answers by the free licence, which lets shippers do all that they can.
func (c *call) license(route) *failure {
	c.write(http.StatusOK, object{}.raw("license", c.h.licence().
		text("issue_date", "1970-01-01T00:00:00.000Z").raw("issue_date_in_millis", object("0")).
		raw("max_nodes", object("1000")).raw("max_resource_units", object("null")).
		text("issued_to", c.h.o.ClusterName).text("issuer", "elasticsearch").raw("start_date_in_millis", object("-1")).close()).close())
	return nil
}

// licence returns the start of a licence.
func (h *Handler) licence() object {
	return object{}.text("status", "active").text("uid", "00000000-0000-0000-0000-000000000000").text("type", "basic")
}

// xpack says that there is neither lifecycle management nor monitoring: Beats of version 7
// then leave them out.
func (c *call) xpack(route) *failure {
	none := object(`{"available":false,"enabled":false}`)
	features := object{}
	for _, feature := range []string{"graph", "ilm", "logstash", "ml", "monitoring", "rollup", "security", "watcher"} {
		features = features.raw(feature, none)
	}
	c.write(http.StatusOK, object{}.
		raw("build", object(`{"hash":"0000000000000000000000000000000000000000","date":"1970-01-01T00:00:00.000Z"}`)).
		raw("license", c.h.licence().text("mode", "basic").close()).
		raw("features", features.close()).text("tagline", "You know, for X").close())
	return nil
}

func (c *call) health(route) *failure {
	c.write(http.StatusOK, object{}.text("cluster_name", c.h.o.ClusterName).text("status", "green").
		raw("timed_out", object("false")).raw("number_of_nodes", object("1")).raw("number_of_data_nodes", object("1")).
		raw("active_primary_shards", object("1")).raw("active_shards", object("1")).raw("relocating_shards", object("0")).
		raw("initializing_shards", object("0")).raw("unassigned_shards", object("0")).raw("delayed_unassigned_shards", object("0")).
		raw("number_of_pending_tasks", object("0")).raw("number_of_in_flight_fetch", object("0")).
		raw("task_max_waiting_in_queue_millis", object("0")).raw("active_shards_percent_as_number", object("100.0")).close())
	return nil
}

// catHealth answers what rsyslog asks for, as a line of text.
func (c *call) catHealth(route) *failure {
	now := c.h.o.Now().UTC()
	line := strconv.FormatInt(now.Unix(), 10) + " " + now.Format("15:04:05") + " " + c.h.o.ClusterName + " green 1 1 1 1 0 0 0 0 - 100.0%\n"
	c.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	c.write(http.StatusOK, []byte(line))
	return nil
}

// nodes answers clients that look for all nodes of a cluster, to use the addresses they get
// from then on: they get the one they came by, which is known to lead here.
func (c *call) nodes(route) *failure {
	host, port, err := net.SplitHostPort(c.r.Host)
	if err != nil {
		host, port = strings.Trim(c.r.Host, "[]"), "80"
		if c.r.TLS != nil {
			port = "443"
		}
	}
	o, address := &c.h.o, net.JoinHostPort(host, port)
	node := object{}.text("name", o.Name).text("transport_address", address).text("host", host).text("ip", host).
		text("version", o.Version).text("build_flavor", "default").text("build_type", "tar").
		raw("roles", object(`["data","ingest","master"]`)).raw("attributes", object("{}")).
		raw("http", object{}.raw("bound_address", append(appendText(object("["), address), ']')).
			text("publish_address", address).raw("max_content_length_in_bytes", strconv.AppendInt(nil, o.MaxBodyBytes, 10)).close()).close()
	c.write(http.StatusOK, object{}.raw("_nodes", object(`{"total":1,"successful":1,"failed":0}`)).
		text("cluster_name", o.ClusterName).raw("nodes", object{}.raw("AAAAAAAAAAAAAAAAAAAAAA", node).close()).close())
	return nil
}

// An object is JSON that is being written. The first member opens it.
type object []byte

func (o object) key(name string) object {
	if len(o) == 0 {
		o = append(o, '{')
	} else {
		o = append(o, ',')
	}
	return append(appendText(o, name), ':')
}

func (o object) text(name, value string) object { return appendText(o.key(name), value) }

func (o object) raw(name string, value []byte) object { return append(o.key(name), value...) }

func (o object) close() object { return append(o, '}') }
