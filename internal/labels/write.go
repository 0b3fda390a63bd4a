package labels

import (
	"encoding/json"
	"io"
	"slices"
)

// Write writes f as JSON, one label a line.
func (f *File) Write(w io.Writer) error {
	empty := *f
	empty.Labels = []Label{}
	head, err := json.Marshal(&empty)
	if err != nil {
		return err
	}
	text := slices.Concat(head[:len(head)-len("]}")], []byte{'\n'}) // Labels is the last field
	for i := range f.Labels {
		line, err := json.Marshal(&f.Labels[i])
		if err != nil {
			return err
		}
		text = append(text, ' ')
		text = append(text, line...)
		if i < len(f.Labels)-1 {
			text = append(text, ',')
		}
		text = append(text, '\n')
	}
	_, err = w.Write(append(text, "]}\n"...))
	return err
}
