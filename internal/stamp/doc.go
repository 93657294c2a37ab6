// Package stamp is what the collector writes on telemetry of its own knowledge, and by which names it tells what a sender may not write.
package stamp
