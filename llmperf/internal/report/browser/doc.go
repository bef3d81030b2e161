// Package browser opens the pages of package report in a real browser. It is a
// module of its own so that consumers of llmperf.dev never see the dependencies
// that takes. Without a browser its tests are skipped.
package browser
