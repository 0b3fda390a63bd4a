package identity

import "testing"

// TestMakers holds that makers are of known software, and that their domains are registrable ones.
func TestMakers(t *testing.T) {
	products := map[string]bool{}
	for _, p := range programs() {
		products[p.Software] = true
	}
	for software, domains := range makers() {
		if !products[software] {
			t.Errorf("%s: no known software", software)
		}
		for _, d := range domains {
			if got := RegistrableDomain(d); got != d {
				t.Errorf("%s: got the domain %s, want %s", software, d, got)
			}
		}
	}
	for _, c := range []struct {
		software, domain string
		want             bool
	}{
		{"Spotify", "spotify.com", true},
		{"Spotify", "slack.com", false},
		{"Microsoft Teams", "microsoft.com", true},
		{"Microsoft Teams", "windows.net", false}, // where Azure keeps what customers serve
		{"", "spotify.com", false},
	} {
		if got := MakersDomain(c.software, c.domain); got != c.want {
			t.Errorf("%q, %s: got %v, want %v", c.software, c.domain, got, c.want)
		}
	}
}
