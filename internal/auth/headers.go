package auth

import "net/http"

// contentSecurityPolicy lets a page use scripts, styles, pictures and data of this server alone,
// and nothing written into the page itself. No page of another may frame it.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// permissionsPolicy gives up what no page needs.
const permissionsPolicy = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), " +
	"geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), " +
	"publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"

// Headers sets the headers that make a browser careful, on every answer of next. A handler that
// serves a page with another policy, such as a report with its styles inside, sets its own.
//
// Strict-Transport-Security speaks for the host name, whatever the port, and so for other
// services under the same name too; it is for 30 days, and not for names below it.
func (a *Auth) Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // not no-referrer, with which a form of ours has the origin "null"
		h.Set("Permissions-Policy", permissionsPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if a.secure(r) {
			h.Set("Strict-Transport-Security", "max-age=2592000")
		}
		next.ServeHTTP(w, r)
	})
}
