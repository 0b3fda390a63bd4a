package output

import (
	"bufio"
	"io"
	"strings"

	"fresnel/internal/finding"
	"fresnel/internal/human"
)

// csvWriter writes RFC 4180: comma, CRLF, quotes where they are needed.
type csvWriter struct {
	w       *bufio.Writer
	columns []finding.Column
	visible bool // see Options.Terminal
	row     []byte
	cell    []byte
}

var _ Writer = (*csvWriter)(nil)

func newCSV(w io.Writer, o Options) Writer {
	c := &csvWriter{w: bufio.NewWriterSize(w, bufferBytes), columns: finding.Columns(o.Fields), visible: o.Terminal}
	if o.Ranked {
		c.columns = append(c.columns, finding.RankedColumns()...)
	}
	for i, col := range c.columns {
		if i > 0 {
			c.row = append(c.row, ',')
		}
		c.row = appendCell(c.row, []byte(col.Name))
	}
	c.row = append(c.row, "\r\n"...)
	c.w.Write(c.row) // a bufio.Writer keeps its error for the next call
	return c
}

func (c *csvWriter) Write(r *finding.Result) error {
	for _, one := range finding.Apart(r) {
		if err := c.write(one); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) write(r *finding.Result) error {
	c.row = c.row[:0]
	for i, col := range c.columns {
		if i > 0 {
			c.row = append(c.row, ',')
		}
		c.cell = c.cell[:0]
		if col.Text {
			c.cell = append(c.cell, '\'')
		}
		c.cell = col.Append(c.cell, r)
		cell := c.cell
		if col.Text && !formula(cell[1:]) {
			cell = cell[1:]
		}
		if col.Text && c.visible {
			cell = []byte(human.Safe(string(cell)))
		}
		c.row = appendCell(c.row, cell)
	}
	c.row = append(c.row, "\r\n"...)
	_, err := c.w.Write(c.row)
	return err
}

func (c *csvWriter) Close(finding.Summary) error { return c.w.Flush() }

// formula tells whether a spreadsheet may run text instead of showing it: the first
// characters that the programs in use take for a formula, after OWASP's "CSV Injection", and
// their full-width forms, which some of them fold.
func formula(text []byte) bool {
	s := string(text)
	return s != "" && (strings.ContainsRune("=+-@\t\r\n", rune(s[0])) ||
		strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠"))
}

// appendCell appends a cell, in quotes where it holds a comma, a quote or a line end, or blanks
// at its ends, which some readers drop.
func appendCell(dst, cell []byte) []byte {
	quote := len(cell) > 0 && (cell[0] == ' ' || cell[len(cell)-1] == ' ')
	for _, b := range cell {
		if b == ',' || b == '"' || b == '\r' || b == '\n' {
			quote = true
			break
		}
	}
	if !quote {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for _, b := range cell {
		if b == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
