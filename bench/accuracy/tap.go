package main

import (
	"io"
	"sync"

	"fresnel/internal/event"
	"fresnel/internal/source"
)

// tap returns formats that hand every event to f too, one at a time.
func tap(formats []source.Format, f func(e *event.Event)) []source.Format {
	var mu sync.Mutex
	var all []source.Format
	for _, format := range formats {
		open := format.New
		format.New = func(o source.Options) (source.Source, error) {
			s, err := open(o)
			if err != nil {
				return nil, err
			}
			t := tapped{s, func(e *event.Event) {
				mu.Lock()
				defer mu.Unlock()
				f(e)
			}}
			if r, ok := s.(source.Reshaper); ok {
				return reshaping{t, r}, nil
			}
			return t, nil
		}
		all = append(all, format)
	}
	return all
}

type tapped struct {
	source.Source
	f func(e *event.Event)
}

// Open implements source.Source.
func (t tapped) Open(f source.File) (source.Input, error) {
	in, err := t.Source.Open(f)
	if err != nil {
		return nil, err
	}
	return tappedInput{in, t.f}, nil
}

type reshaping struct {
	tapped
	reshaper source.Reshaper
}

// Reshape implements source.Reshaper.
func (r reshaping) Reshape(f source.File, text io.Reader) io.Reader {
	return r.reshaper.Reshape(f, text)
}

type tappedInput struct {
	source.Input
	f func(e *event.Event)
}

// NewDecoder implements source.Input.
func (t tappedInput) NewDecoder() source.Decoder { return tappedDecoder{t.Input.NewDecoder(), t.f} }

type tappedDecoder struct {
	source.Decoder
	f func(e *event.Event)
}

// Decode implements source.Decoder.
func (t tappedDecoder) Decode(block []byte, state any, out source.Sink) int {
	return t.Decoder.Decode(block, state, tappedSink{out, t.f})
}

type tappedSink struct {
	source.Sink
	f func(e *event.Event)
}

// Event implements source.Sink.
func (t tappedSink) Event(e *event.Event) {
	t.f(e)
	t.Sink.Event(e)
}
