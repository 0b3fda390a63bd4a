package labels

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Read reads a file of labels, and refuses what does not make sense; unknown keys are ignored.
// Errors name the label by its number, counted from 1, and the field.
func Read(r io.Reader) (*File, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var f struct {
		File
		Labels *[]json.RawMessage `json:"labels"` // in place of the field of File
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, explain(err)
	}
	if f.Labels == nil {
		return nil, errors.New("labels: got none, want a list, which may be empty")
	}
	file := f.File
	for _, c := range []struct {
		name  string
		value float64
	}{{"groups", float64(file.Groups)}, {"hosts", float64(file.Hosts)}, {"days", file.Days}} {
		if c.value < 0 {
			return nil, fmt.Errorf("%s: got %v, want 0 or more", c.name, c.value)
		}
	}
	file.Labels = make([]Label, len(*f.Labels))
	var bad []error
	for i, raw := range *f.Labels {
		if err := read(raw, &file.Labels[i]); err != nil {
			bad = append(bad, fmt.Errorf("label %d: %w", i+1, err))
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return &file, nil
}

// read reads one label.
func read(raw json.RawMessage, l *Label) error {
	// A label that says nothing of beacons is taken for a slip: null says so on purpose.
	var given struct {
		Beacon json.RawMessage `json:"beacon"`
	}
	if err := errors.Join(json.Unmarshal(raw, l), json.Unmarshal(raw, &given)); err != nil {
		return explain(err)
	}
	switch {
	case given.Beacon == nil:
		return errors.New("beacon: got none, want true, false or null")
	case l.Host == "" && l.Process == "" && l.Source == "" && l.Dest == "" && l.Domain == "":
		return errors.New("got none of host, process, src, dst and domain, want one at least")
	case l.Port < 0 || l.Port > 65535:
		return fmt.Errorf("dst_port: got %d, want 0 to 65535", l.Port)
	case l.Period < 0:
		return fmt.Errorf("period_s: got %v, want 0 or more", l.Period)
	case l.Jitter < 0:
		return fmt.Errorf("jitter: got %v, want 0 or more", l.Jitter)
	case l.Callbacks < 0:
		return fmt.Errorf("callbacks: got %d, want 0 or more", l.Callbacks)
	case l.Last != 0 && l.Last < l.First:
		return fmt.Errorf("last_s: got %.0f, want no less than first_s, %.0f", l.Last, l.First)
	}
	return nil
}

// explain turns errors of encoding/json into the user's words.
func explain(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		if kind.Field == "" {
			return fmt.Errorf("got %s, want %s", withArticle(kind.Value), wanted(kind.Type))
		}
		field := strings.TrimPrefix(kind.Field, "File.") // which is embedded
		return fmt.Errorf("%s: got %s, want %s", field, withArticle(kind.Value), wanted(kind.Type))
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	}
	return err
}

// withArticle names what JSON holds: "a string", "an array", "number 1.5".
func withArticle(kind string) string {
	switch kind {
	case "array", "object":
		return "an " + kind
	case "string", "number", "bool":
		return "a " + kind
	}
	return kind
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true, false or null"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
