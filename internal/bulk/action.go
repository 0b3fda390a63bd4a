package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A kind is what an action wants done.
type kind uint8

const (
	kindIndex kind = iota
	kindCreate
	kindUpdate
	kindDelete
	kinds int = iota
)

var kindNames = [kinds]string{"index", "create", "update", "delete"}

// An action is what an action line says. Its texts are valid as long as the line is.
type action struct {
	kind  kind
	index []byte // nil when the line names none
	id    []byte // nil when the line names none
}

// parse reads an action line, the n-th line of its request. Blank lines are for the caller.
func (a *action) parse(line []byte, n int) *failure {
	if a.fast(line) {
		return nil
	}
	err := a.slow(line)
	var unknown unknownParameter
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return illegal("Action/metadata line [%d] contains an unknown parameter [%s]", n, short(string(unknown)))
	}
	return illegal("Malformed action/metadata line [%d], %v", n, err)
}

// fast reads the lines that clients write: one action with texts of printable ASCII without
// escapes. It returns false for all others, without a reason.
func (a *action) fast(line []byte) bool {
	*a = action{}
	i, ok := byteAt(line, 0, '{')
	if !ok {
		return false
	}
	name, i, ok := textAt(line, i)
	if !ok {
		return false
	}
	switch string(name) {
	case "index":
	case "create":
		a.kind = kindCreate
	case "update":
		a.kind = kindUpdate
	case "delete":
		a.kind = kindDelete
	default:
		return false
	}
	if i, ok = byteAt(line, i, ':'); !ok {
		return false
	}
	if i, ok = byteAt(line, i, '{'); !ok {
		return false
	}
	end, empty := byteAt(line, i, '}')
	for !empty {
		var key, value []byte
		if key, i, ok = textAt(line, i); !ok {
			return false
		}
		if i, ok = byteAt(line, i, ':'); !ok {
			return false
		}
		if value, i, ok = textAt(line, i); !ok {
			return false
		}
		switch string(key) {
		case "_index":
			a.index = value
		case "_id":
			a.id = value
		case "_type", "routing", "pipeline":
		default:
			return false
		}
		if end, ok = byteAt(line, i, '}'); ok {
			break
		}
		if i, ok = byteAt(line, i, ','); !ok {
			return false
		}
	}
	if i, ok = byteAt(line, end, '}'); !ok {
		return false
	}
	return blankFrom(line, i) == len(line)
}

// blankFrom returns where the white space that starts at i ends.
func blankFrom(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n') {
		i++
	}
	return i
}

// byteAt returns the place behind c, when that is what stands at i or behind white space.
func byteAt(line []byte, i int, c byte) (int, bool) {
	i = blankFrom(line, i)
	if i == len(line) || line[i] != c {
		return i, false
	}
	return i + 1, true
}

// textAt returns the simple text that stands at i or behind white space, and the place
// behind it. The text is never nil.
func textAt(line []byte, i int) ([]byte, int, bool) {
	i, ok := byteAt(line, i, '"')
	if !ok {
		return nil, i, false
	}
	for j := i; j < len(line); j++ {
		switch c := line[j]; {
		case c == '"':
			return line[i:j:j], j + 1, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, j, false
		}
	}
	return nil, len(line), false
}

// parameters are those of an action that may be there beside _index and _id, and mean
// nothing here. With an underscore they are of Elasticsearch before 7.
var parameters = map[string]bool{
	"_type": true, "routing": true, "pipeline": true, "require_alias": true, "require_data_stream": true,
	"dynamic_templates": true, "list_executed_pipelines": true, "version": true, "version_type": true,
	"if_seq_no": true, "if_primary_term": true, "retry_on_conflict": true, "op_type": true, "_source": true,
	"_routing": true, "_parent": true, "parent": true, "_version": true, "_version_type": true, "_retry_on_conflict": true,
}

// An unknownParameter is one that Elasticsearch does not know either.
type unknownParameter string

func (u unknownParameter) Error() string { return "unknown parameter " + string(u) }

// slow reads any line, and says what is wrong with it as Elasticsearch does.
func (a *action) slow(line []byte) error {
	*a = action{}
	p := tokens{json.NewDecoder(bytes.NewReader(line)), line}
	p.UseNumber()
	if token, err := p.next(); err != nil {
		return err
	} else if token != json.Delim('{') {
		return fmt.Errorf("expected START_OBJECT but found [%s]", tokenName(token))
	}
	token, err := p.next()
	if err != nil {
		return err
	}
	name, ok := token.(string)
	if !ok {
		return fmt.Errorf("expected FIELD_NAME but found [%s]", tokenName(token))
	}
	for a.kind = 0; int(a.kind) < kinds && kindNames[a.kind] != name; a.kind++ {
	}
	if int(a.kind) == kinds {
		return fmt.Errorf("expected field [create], [delete], [index] or [update] but found [%s]", short(name))
	}
	if token, err = p.next(); err != nil {
		return err
	} else if token != json.Delim('{') {
		return fmt.Errorf("expected START_OBJECT but found [%s]", tokenName(token))
	}
	for {
		if token, err = p.next(); err != nil {
			return err
		}
		if token == json.Delim('}') {
			break
		}
		if err := a.parameter(p, token.(string)); err != nil { // the decoder lets only keys through
			return err
		}
	}
	if token, err = p.next(); err != nil {
		return err
	} else if token != json.Delim('}') {
		return errors.New("expected END_OBJECT but found [FIELD_NAME]")
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the closing brace")
	}
	return nil
}

// parameter reads the value of one key of an action.
func (a *action) parameter(p tokens, key string) error {
	if key != "_index" && key != "_id" && !parameters[key] {
		return unknownParameter(key)
	}
	token, err := p.next()
	if err != nil {
		return err
	}
	var text []byte
	switch token := token.(type) {
	case json.Delim:
		if token == '[' || key != "dynamic_templates" && key != "_source" {
			return fmt.Errorf("expected a simple value for field [%s] but found [%s]", key, tokenName(token))
		}
		return p.skip()
	case nil:
		return nil
	case string:
		text = []byte(token)
	case json.Number:
		text = []byte(token)
	case bool:
		text = fmt.Append(nil, token)
	}
	switch {
	case key == "_index":
		a.index = text
	case key == "_id":
		a.id = text
	case key == "op_type" && a.kind == kindIndex && string(text) == "create":
		a.kind = kindCreate
	}
	return nil
}

// tokens are those of an action line.
type tokens struct {
	*json.Decoder
	line []byte
}

func (p tokens) next() (json.Token, error) {
	token, err := p.Token()
	if err != nil {
		return nil, fmt.Errorf("expected a JSON object but found [%s]", short(strings.TrimRight(string(p.line[:min(len(p.line), 2*shortBytes)]), " \t\r\n")))
	}
	return token, nil
}

// skip reads to the end of the object whose start was read.
func (p tokens) skip() error {
	for depth := 1; depth > 0; {
		token, err := p.next()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

// tokenName returns Elasticsearch's name for a token that is no key.
func tokenName(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		return map[json.Delim]string{'{': "START_OBJECT", '}': "END_OBJECT", '[': "START_ARRAY", ']': "END_ARRAY"}[token]
	case string:
		return "VALUE_STRING"
	case bool:
		return "VALUE_BOOLEAN"
	case nil:
		return "VALUE_NULL"
	}
	return "VALUE_NUMBER"
}

// shortBytes is how much of a text of a client is told back to it.
const shortBytes = 64

func short(s string) string { return cut(s, shortBytes) }

// cut returns s, or at most its first n bytes and an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
