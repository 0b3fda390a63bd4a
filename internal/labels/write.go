package labels

import (
	"encoding/json"
	"io"
)

// Write writes f as JSON, one label a line.
func (f *File) Write(w io.Writer) error {
	head, err := json.Marshal(&File{Dataset: f.Dataset, Note: f.Note, Labels: []Label{}})
	if err != nil {
		return err
	}
	text := append(head[:len(head)-len("]}")], '\n')
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
