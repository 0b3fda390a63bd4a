package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/esapi"
	"github.com/elastic/go-elasticsearch/v9/esutil"
)

// An elastic9 is the client of Elasticsearch 9. That of 8 is the same with other packages.
type elastic9 struct {
	*elasticsearch.Client
	name string // of the index
}

func openElastic9(s *settings, k key) (client, error) {
	c := elasticsearch.Config{Addresses: []string{s.URL}, APIKey: s.apiKey(k), CompressRequestBody: s.Gzip}
	c.Username, c.Password = s.basic(k)
	es, err := elasticsearch.NewClient(c)
	return &elastic9{es, s.Index}, err
}

func (c *elastic9) info(ctx context.Context) (string, error) {
	resp, err := c.Info(c.Info.WithContext(ctx))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body answer
	err = json.NewDecoder(resp.Body).Decode(&body)
	return body.Version.Number, err
}

func (c *elastic9) ping(ctx context.Context) (bool, error) {
	resp, err := c.Ping(c.Ping.WithContext(ctx))
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	return !resp.IsError(), nil
}

func (c *elastic9) bulk(ctx context.Context, docs []document, action string, out *sum) error {
	b, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: c.Client, Index: c.name, FlushBytes: flushBytes, OnError: out.error})
	if err != nil {
		return err
	}
	for _, d := range docs {
		err := b.Add(ctx, esutil.BulkIndexerItem{
			Action: action, DocumentID: d.ID, Body: d.body(),
			OnFailure: func(_ context.Context, item esutil.BulkIndexerItem, answer esutil.BulkIndexerResponseItem, err error) {
				out.failed(item.DocumentID, answer.Status, answer.Error.Type, err)
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

func (c *elastic9) index(ctx context.Context, id string, body io.Reader) (string, error) {
	resp, err := c.Index(c.name, body, c.Index.WithDocumentID(id), c.Index.WithContext(ctx))
	return result9(resp, err)
}

func (c *elastic9) create(ctx context.Context, id string, body io.Reader) (string, error) {
	resp, err := c.Create(c.name, id, body, c.Create.WithContext(ctx))
	return result9(resp, err)
}

func result9(resp *esapi.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body answer
	err = json.NewDecoder(resp.Body).Decode(&body)
	if resp.IsError() {
		return fmt.Sprintf("%d %s", resp.StatusCode, body.Error.Type), err
	}
	return body.Result, err
}
