package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"fresnel/internal/report"
)

// TestReportLeavesLinksAndPipesWhatTheyAre writes to what is there instead of replacing it:
// /dev/null is to stay a device.
func TestReportLeavesLinksAndPipesWhatTheyAre(t *testing.T) {
	dir := t.TempDir()
	t.Run("a link", func(t *testing.T) {
		link, page := filepath.Join(dir, "link.html"), filepath.Join(dir, "page.html")
		if err := os.WriteFile(page, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(page, link); err != nil {
			t.Skip("no links here:", err)
		}
		if err := writeReport(link, report.Page{}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("got %v and error %v, want a link", info.Mode(), err)
		}
		if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("</html>")) {
			t.Errorf("got %d bytes and error %v, want the page", len(text), err)
		}
	})
	t.Run("a device", func(t *testing.T) {
		// Through a link: a page that replaced the link would leave the device alone.
		link := filepath.Join(dir, "null")
		if err := os.Symlink(os.DevNull, link); err != nil {
			t.Skip("no links here:", err)
		}
		if err := writeReport(link, report.Page{}); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(link); err != nil || info.Mode().IsRegular() {
			t.Errorf("got %v and error %v, want the device", info.Mode(), err)
		}
	})
}
