package httpapi

import "strings"

// masked stands for what an analyst does not get to see.
const masked = "…"

// maskEmail keeps the domain, which says where somebody works and not who it is.
func maskEmail(email string) string {
	if at := strings.LastIndexByte(email, '@'); at >= 0 {
		return masked + email[at:]
	}
	return masked
}
