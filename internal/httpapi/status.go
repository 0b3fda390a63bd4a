package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// InputList is all inputs.
type InputList struct {
	Inputs []Input `json:"inputs" doc:"in the order of the settings"`
}

func (a *API) listInputs(context.Context, *call, *none, *none) (*InputList, error) {
	list := &InputList{Inputs: []Input{}}
	for _, in := range a.o.Inputs() {
		in.LastEvent, in.ErrorAt = in.LastEvent.UTC(), in.ErrorAt.UTC()
		if in.Counts == nil {
			in.Counts = map[string]int64{}
		}
		list.Inputs = append(list.Inputs, in)
	}
	return list, nil
}

// Version is what runs here.
type Version struct {
	Product string    `json:"product"`
	Version string    `json:"version"`
	Now     time.Time `json:"now" doc:"time of the server"`
	Store   StoreSize `json:"store"`
}

// StoreSize is what the store takes.
type StoreSize struct {
	Bytes  int64      `json:"bytes"`
	Events int64      `json:"events"`
	Oldest *time.Time `json:"oldest,omitempty" doc:"time of the oldest event; missing without events"`
	Newest *time.Time `json:"newest,omitempty"`
}

func (a *API) version(ctx context.Context, c *call, _ *none, _ *none) (*Version, error) {
	size, err := a.o.Store.Size(ctx)
	if err != nil {
		return nil, err
	}
	v := &Version{Product: a.o.Product, Version: a.o.Version, Now: c.now, Store: StoreSize{Bytes: size.Bytes, Events: size.Events}}
	if size.Events > 0 {
		oldest, newest := time.Unix(0, size.OldestNanos).UTC(), time.Unix(0, size.NewestNanos).UTC()
		v.Store.Oldest, v.Store.Newest = &oldest, &newest
	}
	return v, nil
}

// FieldList is the names that queries may use.
type FieldList struct {
	Fields []Field `json:"fields" doc:"by name"`
}

func (a *API) listFields(context.Context, *call, *none, *none) (*FieldList, error) {
	return &FieldList{a.fields}, nil
}

// Health is the answer to a probe.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

func (a *API) healthy(context.Context, *call, *none, *none) (*Health, error) {
	return &Health{"ok"}, nil
}

// readyTimeout is how long the store may take to answer.
const readyTimeout = 2 * time.Second

func (a *API) ready(ctx context.Context, c *call, _ *none, _ *none) (*Health, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if _, err := a.o.Store.Size(ctx); err != nil {
		c.a.o.Log.Warn("not ready: the store does not answer", "err", err)
		return nil, refuse(http.StatusServiceUnavailable, "not_ready", "the store does not answer; the log says why")
	}
	return &Health{"ok"}, nil
}

// openapi serves the document of the API.
func (a *API) openapi(_ context.Context, c *call, _ *none) error {
	h := c.w.Header()
	h.Set("ETag", a.etag)
	h.Set("Cache-Control", "no-cache") // but kept, and asked for again by its tag
	if match := c.r.Header.Get("If-None-Match"); match == a.etag || match == "*" {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", c.route.op.content)
	h.Set("Content-Length", strconv.Itoa(len(a.doc)))
	c.started = true
	if _, err := c.w.Write(a.doc); err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	return nil
}
