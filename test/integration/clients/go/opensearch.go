package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/opensearch-project/opensearch-go/v4/opensearchutil"
)

// An openSearch is the client of OpenSearch. It knows no ApiKey: that is a header.
type openSearch struct {
	*opensearchapi.Client
	name string // of the index
}

func openOpenSearch(s *settings, k key) (client, error) {
	c := opensearch.Config{Addresses: []string{s.URL}, CompressRequestBody: s.Gzip}
	c.Username, c.Password = s.basic(k)
	if encoded := s.apiKey(k); encoded != "" {
		c.Header = http.Header{"Authorization": {"ApiKey " + encoded}}
	}
	api, err := opensearchapi.NewClient(opensearchapi.Config{Client: c})
	return &openSearch{api, s.Index}, err
}

func (c *openSearch) info(ctx context.Context) (string, error) {
	resp, err := c.Info(ctx, nil)
	if err != nil {
		return "", err
	}
	return resp.Version.Number, nil
}

func (c *openSearch) ping(ctx context.Context) (bool, error) {
	resp, err := c.Ping(ctx, nil)
	if err != nil {
		return false, err
	}
	return !resp.IsError(), nil
}

func (c *openSearch) bulk(ctx context.Context, docs []document, action string, out *sum) error {
	b, err := opensearchutil.NewBulkIndexer(opensearchutil.BulkIndexerConfig{Client: c.Client, Index: c.name, FlushBytes: flushBytes, OnError: out.error})
	if err != nil {
		return err
	}
	for _, d := range docs {
		err := b.Add(ctx, opensearchutil.BulkIndexerItem{
			Action: action, DocumentID: d.ID, Body: d.body(),
			OnFailure: func(_ context.Context, item opensearchutil.BulkIndexerItem, answer opensearchapi.BulkRespItem, err error) {
				kind := ""
				if answer.Error != nil {
					kind = answer.Error.Type
				}
				out.failed(item.DocumentID, answer.Status, kind, err)
			},
		})
		if err != nil {
			return err
		}
	}
	err = b.Close(ctx)
	out.OK, out.Failed = b.Stats().NumFlushed, b.Stats().NumFailed
	return err
}

func (c *openSearch) index(ctx context.Context, id string, body io.Reader) (string, error) {
	resp, err := c.Index(ctx, opensearchapi.IndexReq{Index: c.name, DocumentID: id, Body: body})
	if err != nil {
		return refusal(err)
	}
	return resp.Result, nil
}

func (c *openSearch) create(ctx context.Context, id string, body io.Reader) (string, error) {
	resp, err := c.Document.Create(ctx, opensearchapi.DocumentCreateReq{Index: c.name, DocumentID: id, Body: body})
	if err != nil {
		return refusal(err)
	}
	return resp.Result, nil
}

// refusal returns what the server said, or the error when it said nothing.
func refusal(err error) (string, error) {
	var said *opensearch.StructError
	if errors.As(err, &said) {
		return fmt.Sprintf("%d %s", said.Status, said.Err.Type), nil
	}
	return "", err
}
