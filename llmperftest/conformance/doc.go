// Package conformance tests llmperftest, and the files that llmperf writes, by
// code we did not write. It is a module of its own so that consumers of
// llmperf.dev never see the dependencies that takes.
package conformance
